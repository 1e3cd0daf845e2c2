// The published page of the CodeMie API, followed with nothing but `fetch`: a token in both ways, the call in its forms,
// the statuses of its table.

import assert from 'node:assert/strict';

const { LATIMER, USERNAME, PASSWORD, CLIENT_ID, CLIENT_SECRET, DOCUMENTS_KEY, FAILING_MODEL } = process.env;
const TOKEN = `${LATIMER}/auth/realms/codemie-prod/protocol/openid-connect/token`;
const ASSISTANTS = `${LATIMER}/code-assistant-api/v1/assistants`;
const ASSISTANT = '05959338-06de-477d-9cc3-08369f858057';
const TEXT = 'Hello. How can I help?';

async function token(form) {
  const answer = await fetch(TOKEN, { method: 'POST', body: new URLSearchParams(form) });
  return [answer.status, await answer.json()];
}

async function ask(credentials, body, assistant = ASSISTANT) {
  return fetch(`${ASSISTANTS}/${assistant}/model`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(credentials && { Authorization: `Bearer ${credentials}` }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** The objects of server-sent events, read as they come. */
async function* objects(answer) {
  let text = '';
  for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
    const events = (text + piece).split('\n\n');
    text = events.pop();
    for (const event of events.filter((event) => !event.startsWith(':'))) {
      assert.ok(event.startsWith('data: '), event);
      yield JSON.parse(event.slice('data: '.length));
    }
  }
  assert.equal(text, '', 'the stream ends with a whole event');
}

const password = { grant_type: 'password', client_id: 'codemie-sdk', username: USERNAME, password: PASSWORD };
const secret = { grant_type: 'client_credentials', client_id: CLIENT_ID, client_secret: CLIENT_SECRET };

for (const form of [password, secret]) {
  const [status, { access_token, token_type }] = await token(form);
  assert.deepEqual([status, token_type], [200, 'Bearer']);

  for (const body of [{ text: 'hi' }, { text: 'hi', llmModel: 'gpt-4o' }, { text: 'hi', stream: false }]) {
    const answer = await ask(access_token, body);
    assert.equal(answer.status, 200);
    const { generated, timeElapsed, taskId, thoughts } = await answer.json();
    assert.deepEqual([generated, typeof timeElapsed, taskId], [TEXT, 'number', null]);
    const [{ id, ...thought }] = thoughts;
    assert.equal(typeof id, 'string');
    const { parent_id, metadata, in_progress, input_text, message, author_type, author_name, children } = thought;
    assert.deepEqual([parent_id, metadata, in_progress, input_text, message], [null, {}, false, '', TEXT]);
    assert.deepEqual([author_type, author_name, children], ['Tool', 'Codemie Thoughts', []]);
  }

  const streamed = await ask(access_token, { text: 'hi', llmModel: 'gpt-4o', stream: true });
  assert.deepEqual([streamed.status, streamed.headers.get('content-type')], [200, 'text/event-stream']);
  const seen = [];
  for await (const object of objects(streamed)) seen.push(object);
  assert.ok(seen.length > 2, 'it comes in pieces');
  assert.deepEqual(seen.map(({ last }) => last), seen.map((_, at) => at === seen.length - 1), 'the last says so');
  assert.equal(seen.map(({ generated_chunk }) => generated_chunk ?? '').join(''), TEXT);
  assert.equal(seen.at(-1).generated, TEXT);

  for (const [body, status, assistant] of [
    [{}, 400],
    ['{', 400],
    [{ text: 'hi' }, 404, '00000000-0000-4000-8000-000000000000'],
    [{ text: 'hi', llmModel: FAILING_MODEL, stream: true }, 500],
  ]) {
    const answer = await ask(access_token, body, assistant);
    const told = await answer.json();
    assert.equal(answer.status, status, JSON.stringify(told));
    assert.equal(typeof told.error.message, 'string', JSON.stringify(told));
  }
}

for (const [credentials, status] of [[undefined, 401], ['a.b.c', 401], [DOCUMENTS_KEY, 403]]) {
  const answer = await ask(credentials, { text: 'hi' });
  assert.equal(answer.status, status);
  assert.equal(typeof (await answer.json()).error.message, 'string');
}
assert.equal((await token({ ...password, password: 'a guess' }))[0], 401);
assert.equal((await token({ ...secret, client_secret: 'a guess' }))[0], 401);
