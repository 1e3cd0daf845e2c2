// What a Cody client needs before it can read a stream, and the two pages that read one.

import assert from 'node:assert/strict';
import { EventSource } from 'eventsource';

const { LATIMER, KEY } = process.env;
export const API = `${LATIMER}/api/v1`;
export const keyed = { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' };

/** The script of the published page, to the letter but for its remarks, with an address of ours. */
export const published = (url) => `
let message = ''
const evtSource = new EventSource('${url}')
evtSource.onmessage = (event) => {
  const data = event.data
  if (data === '[END]') {
    evtSource.close()
  } else if (data !== '[START]') {
    message += JSON.parse(data).chunk
  }
}
`;

/** The same by somebody who forgot to close. */
export const forgetful = (url) => published(url).replace('evtSource.close()', '');

/** Runs in Node and in pages: starts a page's script, and tells when it has so much of the text, and when it is closed. */
export function start([script, held], Source = EventSource) {
  const whole = `${script}; return { message: () => message, source: evtSource };`;
  const { message, source } = new Function('EventSource', whole)(Source);
  const once = (met) =>
    new Promise((resolve) => {
      const look = () => met() && resolve(message());
      for (const name of ['message', 'error']) source.addEventListener(name, look);
      look();
    });
  return { held: once(() => message().length >= held), closed: once(() => source.readyState === Source.CLOSED) };
}

async function data(path, init) {
  const answer = await fetch(API + path, { headers: keyed, ...init });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${path}: ${text}`);
  return JSON.parse(text).data;
}

export const post = (path, body) => data(path, { method: 'POST', body: JSON.stringify(body) });

/** The id of a new conversation. */
export async function conversation() {
  const [bot] = await data('/bots');
  return (await post('/conversations', { name: 'Streams', bot_id: bot.id })).id;
}

/** Sends a message; where its answer is streamed. */
export async function streamUrl(conversation_id) {
  const { stream_url } = await post('/messages/stream', { content: 'hi', conversation_id, redirect: false });
  assert.ok(stream_url.startsWith(`${LATIMER}/stream/`), stream_url);
  return stream_url;
}

/** The newest messages first, whether by the model and what they say. */
export async function messages(conversation_id) {
  const messages = await data(`/messages?conversation_id=${conversation_id}`);
  return messages.map(({ machine, content }) => [machine, content]);
}
