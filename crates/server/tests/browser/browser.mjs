// A Chromium of the test's own that reaches nothing but loopback, and pages in it whose origin is not the server's.

import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** To the browser this is a host anywhere. */
export const ELSEWHERE = 'page.example';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost`,
];

/** Calls `visit` with a function that opens an empty page of a host; then everything is closed and gone. */
export async function browse(visit) {
  const pages = createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html').end('<!doctype html><link rel="icon" href="data:,"><title>A page</title>');
  });
  await new Promise((listening) => pages.listen(0, '127.0.0.1', listening));
  const profile = await mkdtemp(join(tmpdir(), 'latimer-browser-'));
  const options = { executablePath: '/usr/bin/chromium', headless: true, args: FLAGS };
  const browser = await chromium.launchPersistentContext(profile, options);
  try {
    await visit(async (host) => {
      const page = await browser.newPage();
      // A line each, by which the test lets the model go on.
      await page.exposeFunction('next', () => console.log('next'));
      await page.exposeFunction('rest', () => console.log('rest'));
      await page.goto(`http://${host}:${pages.address().port}/`);
      return page;
    });
  } finally {
    await browser.close();
    pages.close();
    await rm(profile, { recursive: true, force: true });
  }
}
