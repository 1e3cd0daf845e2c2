// A page from elsewhere reads streams while they are written: each piece is there before the model is let write the next.

import assert from 'node:assert/strict';
import { browse, ELSEWHERE } from './browser.mjs';

const { LATIMER, KEY, PIECES } = process.env;
const ASSISTANT = '/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model';
// The conversation that every account begins with.
const MESSAGE = { content: 'hi', conversation_id: 'string' };
const CHAT = { messages: [{ role: 'user', content: 'hi' }] };
const pieces = JSON.parse(PIECES);

/** Runs in the page: the objects of a stream of JSON lines, with or without `data: ` before them. */
async function read([url, headers, body, field, pieces]) {
  const objects = [];
  let line = '';
  const take = (text) => {
    const lines = (line + text).split('\n');
    line = lines.pop();
    const json = lines.map((line) => line.replace(/^data: /, '')).filter((line) => line.startsWith('{'));
    objects.push(...json.map((json) => JSON.parse(json)));
  };
  const text = () => objects.map((object) => object[field] ?? '').join('');

  await window.next();
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let expected = '';
  for (const [at, piece] of pieces.entries()) {
    if (at > 0) await window.next();
    expected += piece;
    while (text() !== expected) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`it ends at ${text()}`);
      take(value);
    }
  }
  await window.rest();
  for (let next; !(next = await reader.read()).done; ) take(next.value);
  return { type: answer.headers.get('content-type'), text: text(), last: objects.at(-1), left: line };
}

await browse(async (open) => {
  const page = await open(ELSEWHERE);
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${KEY}` };
  const ask = { text: 'hi', stream: true };
  for (const [path, more, body, field, type, end] of [
    [ASSISTANT, {}, ask, 'generated_chunk', 'text/event-stream', { last: true }],
    [ASSISTANT, { Accept: 'application/x-ndjson' }, ask, 'generated_chunk', 'application/x-ndjson', { last: true }],
    ['/api/chat/stream', {}, CHAT, 'content', 'text/event-stream', { done: true }],
    ['/api/v1/messages/stream', {}, MESSAGE, 'chunk', 'text/event-stream', {}],
    ['/api/chat/stream', { 'X-Chat-Stream': 'v2' }, CHAT, 'content', 'text/event-stream', { done: true }],
  ]) {
    const seen = await page.evaluate(read, [LATIMER + path, { ...headers, ...more }, body, field, pieces]);
    assert.equal(seen.type.split(';')[0], type);
    assert.deepEqual([seen.text, seen.left], [pieces.join(''), '']);
    for (const [name, value] of Object.entries(end)) assert.equal(seen.last[name], value, JSON.stringify(seen.last));
  }
});
