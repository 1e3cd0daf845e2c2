// Cody's published page by npm's `eventsource` and in a browser, at an origin that is not the server's: by an address that it
// asked for, by the redirect, and by somebody who forgot to close.

import assert from 'node:assert/strict';
import { browse, ELSEWHERE } from './browser.mjs';
import { API, conversation, forgetful, keyed, messages, published, start, streamUrl } from './cody.mjs';

const { LATIMER, TEXT } = process.env;
const id = await conversation();

/** Runs in the page: asks and follows the redirect, as the browser does by itself. */
async function follow([url, headers, body]) {
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const type = answer.headers.get('content-type');
  return { status: answer.status, url: answer.url, type, text: await answer.text() };
}

/** Runs a page's script until its source is closed; what it appended, and what its questions were answered. */
async function closed(open, script) {
  const page = await open(ELSEWHERE);
  const statuses = [];
  page.on('response', (response) => statuses.push(response.status()));
  await page.addScriptTag({ content: script });
  await page.waitForFunction('evtSource.readyState === EventSource.CLOSED');
  return { message: await page.evaluate('message'), statuses };
}

for (const script of [published, forgetful]) {
  assert.equal(await start([script(await streamUrl(id)), 0]).closed, TEXT);
  assert.deepEqual((await messages(id)).slice(0, 2), [[true, TEXT], [false, 'hi']]);
}
assert.equal((await messages(id)).length, 4, 'nothing is asked twice');

await browse(async (open) => {
  assert.deepEqual(await closed(open, published(await streamUrl(id))), { message: TEXT, statuses: [200] });
  assert.deepEqual((await messages(id)).slice(0, 2), [[true, TEXT], [false, 'hi']]);

  // Its browser asks once more, and is told that there is nothing to come.
  const url = await streamUrl(id);
  assert.deepEqual(await closed(open, forgetful(url)), { message: TEXT, statuses: [200, 204] });
  assert.deepEqual(await closed(open, published(url)), { message: '', statuses: [204] });
  assert.deepEqual(await closed(open, published(`${LATIMER}/stream/unknown`)), { message: '', statuses: [404] });
  assert.equal((await messages(id)).length, 8, 'nothing is asked twice');

  const page = await open(ELSEWHERE);
  const body = { content: 'hi', conversation_id: id };
  // By a trusted proxy's word the stream is at another origin, to which browsers send `Origin: null` and no key.
  const elsewhere = LATIMER.replace('127.0.0.1', 'localhost');
  for (const [headers, origin] of [
    [{}, LATIMER],
    [{ 'X-Forwarded-Host': new URL(elsewhere).host }, elsewhere],
  ]) {
    const answer = await page.evaluate(follow, [`${API}/messages/stream`, { ...keyed, ...headers }, body]);
    assert.equal(answer.status, 200, answer.text);
    assert.ok(answer.url.startsWith(`${origin}/stream/`), answer.url);
    assert.equal(answer.type.split(';')[0], 'text/event-stream');
    const frames = answer.text.split('\n\n').filter((frame) => frame !== ': ping');
    assert.deepEqual([frames.shift(), frames.pop(), frames.pop()], ['data: [START]', '', 'data: [END]'], answer.text);
    const chunks = frames.map((frame) => JSON.parse(frame.match(/^data: (.*)$/)[1]).chunk);
    assert.equal(chunks.join(''), TEXT);
  }
  const refused = await page.evaluate(follow, [`${API}/messages/stream`, {}, body]);
  assert.deepEqual([refused.status, JSON.parse(refused.text)], [401, { message: 'Unauthenticated.' }]);
  assert.equal((await messages(id)).length, 12);
});
