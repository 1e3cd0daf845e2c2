// Connections that are cut at places drawn by lot, half of a page that forgot to close: in a browser and by npm's `eventsource`
// each answer is read to its end, and nothing in it is doubled or lost.

import assert from 'node:assert/strict';
import { createConnection, createServer } from 'node:net';
import { browse, ELSEWHERE } from './browser.mjs';
import { conversation, forgetful, messages, published, start, streamUrl } from './cody.mjs';

const { LATIMER, TEXT, HELD, CUTS, SEED } = process.env;
const { hostname, port } = new URL(LATIMER);

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function lots(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Passes connections on, and once cuts the one that carries the byte after so many of the server's. */
async function proxy(cutAfter) {
  const seen = { sent: 0, isCut: false };
  const proxy = createServer((client) => {
    const server = createConnection(Number(port), hostname);
    const end = () => (client.destroy(), server.destroy());
    for (const socket of [client, server]) socket.on('error', end);
    client.on('close', end).pipe(server);
    server.on('end', () => client.end());
    server.on('data', (bytes) => {
      seen.head ??= bytes.indexOf('\r\n\r\n') + 4;
      const left = seen.isCut ? Infinity : cutAfter - seen.sent;
      seen.sent += bytes.length;
      if (bytes.length <= left) return client.write(bytes);
      seen.isCut = true;
      server.destroy();
      client.end(bytes.subarray(0, left), end);
    });
  });
  await new Promise((listening) => proxy.listen(0, '127.0.0.1', listening));
  return { seen, origin: `http://${hostname}:${proxy.address().port}`, close: () => proxy.close() };
}

/** The bytes of an answer's head, and of it all. */
async function measure(id) {
  const { origin, seen, close } = await proxy(Infinity);
  const answer = await fetch((await streamUrl(id)).replace(LATIMER, origin), { headers: { Accept: 'text/event-stream' } });
  assert.ok((await answer.text()).endsWith('data: [END]\n\n'));
  close();
  return [seen.head, seen.sent];
}

/** Reads answers that are cut at each of the places, while the model has not ended yet; `begin` starts a script. */
async function readAll(places, id, begin) {
  const streams = await Promise.all(
    places.map(async (place, at) => {
      const { origin, seen, close } = await proxy(place);
      const url = (await streamUrl(id)).replace(LATIMER, origin);
      return { place, seen, close, ...(await begin((at % 2 ? forgetful : published)(url), at)) };
    }),
  );
  await Promise.all(streams.map(({ held }) => held));
  console.log('rest');
  for (const { place, seen, closed, close } of streams) {
    assert.equal(await closed, TEXT, `cut after ${place} bytes`);
    assert.ok(seen.isCut, `there were no more than ${place} bytes`);
    close();
  }
}

const id = await conversation();
const [head, whole] = await measure(id);
const lot = lots(Number(SEED));
// Whoever reads closes at the last event, and the end of the last HTTP chunk may not be needed.
const draw = (from) => Array.from({ length: Number(CUTS) }, () => from + Math.floor(lot() * (whole - 32 - from)));

await readAll(draw(1), id, (script) => start([script, HELD.length]));

await browse(async (open) => {
  const page = await open(ELSEWHERE);
  await page.addScriptTag({ content: `${start}; const streams = [];` });
  // A browser takes half a head for a whole one, which lets no page read it: that is an error for good.
  await readAll(draw(head), id, async (script, at) => {
    await page.evaluate(([script, held, at]) => void (streams[at] = start([script, held])), [script, HELD.length, at]);
    const told = (name) => page.evaluate(([name, at]) => streams[at][name], [name, at]);
    return { held: told('held'), closed: told('closed') };
  });
});

const stored = await messages(id);
assert.ok(stored.filter(([machine]) => machine).every(([, content]) => content === TEXT));
assert.equal(stored.filter(([machine]) => !machine).length, stored.length / 2);
