// What a page from elsewhere gets: with a key whole answers and their headers, without one only that it needs one.

import assert from 'node:assert/strict';
import { browse, ELSEWHERE } from './browser.mjs';

const { LATIMER, KEY, SESSION, TEXT } = process.env;
const ASSISTANT = '/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model';
const CHAT = { messages: [{ role: 'user', content: 'hi' }], sessionId: SESSION };
const HISTORY = `/api/chat/sessions/${SESSION}/messages`;

const json = { 'Content-Type': 'application/json' };
const keyed = { Authorization: `Bearer ${KEY}` };
const post = (body, headers) => ({ method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });

/** What a page's script sees of an answer, or that the browser shows it none. */
async function seen(page, path, init, latimer = LATIMER) {
  const ask = async ([url, init]) => {
    try {
      const answer = await fetch(url, init);
      const text = await answer.text();
      const { status, type } = answer;
      return { status, type, text, headers: Object.fromEntries(answer.headers) };
    } catch (error) {
      return { error: error.message };
    }
  };
  return page.evaluate(ask, [latimer + path, init]);
}

await browse(async (open) => {
  const page = await open(ELSEWHERE);

  // With a key everything is as at home; a JSON string needs no type, and a header may be called anything.
  const plain = await seen(page, ASSISTANT, post({ text: 'hi' }, { ...json, ...keyed }));
  assert.equal(plain.status, 200, JSON.stringify(plain));
  assert.equal(JSON.parse(plain.text).generated, TEXT);
  const bare = await seen(page, '/api/chat', post(CHAT, { ...keyed, credentials: 'include' }));
  assert.equal(bare.status, 200, JSON.stringify(bare));
  const numbered = await seen(page, '/api/chat/stream', post(CHAT, { ...json, ...keyed, 'X-Chat-Stream': 'v2' }));
  assert.equal(numbered.status, 200, JSON.stringify(numbered));
  for (const [answer, name] of [
    [plain, 'x-request-id'],
    [bare, 'x-latimer-model'],
    [numbered, 'x-turn-id'],
    [numbered, 'x-session-id'],
  ]) {
    assert.ok(answer.headers[name], `${name}: ${JSON.stringify(answer.headers)}`);
  }
  assert.equal((await seen(page, HISTORY, { headers: keyed })).status, 200);
  assert.equal((await seen(page, '/api/admin/keys', { headers: keyed })).status, 403);
  for (const method of ['PUT', 'PATCH', 'DELETE']) {
    assert.equal((await seen(page, '/api/chat', { method, headers: keyed })).status, 405, method);
  }

  // Without one, or with a wrong one, it can read what is wrong.
  for (const headers of [json, { ...json, Authorization: 'Bearer wrong' }]) {
    for (const [path, body] of [[ASSISTANT, { text: 'hi' }], ['/api/chat', CHAT], ['/api/chat/stream', CHAT]]) {
      const refused = await seen(page, path, post(body, headers));
      assert.equal(refused.status, 401, JSON.stringify(refused));
      const { error } = JSON.parse(refused.text);
      assert.equal(typeof (error.message ?? error), 'string');
    }
  }
  const unreadable = await seen(page, ASSISTANT, post('{', { ...json, ...keyed }));
  assert.equal(unreadable.status, 400, JSON.stringify(unreadable));
  assert.equal((await seen(page, '/nothing', { headers: keyed })).status, 404);

  // A page of this machine is at home, and has a conversation without a key.
  const home = await open('localhost');
  assert.equal((await seen(home, '/api/chat', post(CHAT, json))).status, 200);
  const had = await seen(home, HISTORY);
  assert.deepEqual([had.status, had.text.includes(JSON.stringify(TEXT))], [200, true], had.text);

  // From elsewhere a page may load it blindly, but can't read it, nor read it back from the cache.
  const blind = await seen(page, HISTORY, { mode: 'no-cors' });
  assert.deepEqual([blind.type, blind.text], ['opaque', '']);
  for (const cache of ['force-cache', 'default', 'reload']) {
    assert.equal((await seen(page, HISTORY, { cache })).status, 401, cache);
  }

  // A name of its own that leads here (DNS rebinding) opens nothing, key or no key.
  const rebound = LATIMER.replace('127.0.0.1', ELSEWHERE);
  assert.notEqual(rebound, LATIMER);
  assert.equal((await seen(page, HISTORY, {}, rebound)).status, 403);
  assert.ok((await seen(page, HISTORY, { headers: keyed }, rebound)).error, 'even the preflight is refused');
});
