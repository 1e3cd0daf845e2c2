// `openid-client` at Latimer's issuer: discovery, a password, a refresh token, a client's secret; `jose` proves the tokens.

import assert from 'node:assert/strict';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as openid from 'openid-client';

const { LATIMER, USERNAME, PASSWORD, CLIENT_ID, CLIENT_SECRET } = process.env;
const ISSUER = new URL(`${LATIMER}/auth/realms/codemie-prod`);
const ASSISTANT = `${LATIMER}/code-assistant-api/v1/assistants/05959338-06de-477d-9cc3-08369f858057/model`;
const REFUSED = { name: 'ResponseBodyError', status: 401 };

async function discover(id, secret, authentication) {
  const insecure = { execute: [openid.allowInsecureRequests] };
  return openid.discovery(ISSUER, id, secret, authentication, insecure);
}

/** The claims of an access token, once it is proved by the key set that discovery names. */
async function proved(client, tokens) {
  const { issuer, jwks_uri } = client.serverMetadata();
  const keys = createRemoteJWKSet(new URL(jwks_uri));
  const { payload } = await jwtVerify(tokens.access_token, keys, { issuer, audience: 'latimer' });
  return payload;
}

async function isAnswered(client, tokens) {
  const body = JSON.stringify({ text: 'hi' });
  const headers = new Headers({ 'Content-Type': 'application/json' });
  const url = new URL(ASSISTANT);
  const answer = await openid.fetchProtectedResource(client, tokens.access_token, url, 'POST', body, headers);
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).generated, 'Hello. How can I help?');
}

const person = await discover('codemie-sdk', undefined, openid.None());
const form = { username: USERNAME, password: PASSWORD, scope: 'openid' };
const signedIn = await openid.genericGrantRequest(person, 'password', form);
assert.equal(signedIn.token_type, 'bearer');
const claims = await proved(person, signedIn);
assert.equal(claims.preferred_username, USERNAME);
// The client has checked the ID token's issuer, audience and times.
assert.equal(signedIn.claims().sub, claims.sub);
await isAnswered(person, signedIn);

const refreshed = await openid.refreshTokenGrant(person, signedIn.refresh_token);
assert.notEqual(refreshed.access_token, signedIn.access_token);
assert.equal((await proved(person, refreshed)).sub, claims.sub);
await isAnswered(person, refreshed);

for (const authentication of [openid.ClientSecretPost, openid.ClientSecretBasic]) {
  const service = await discover(CLIENT_ID, undefined, authentication(CLIENT_SECRET));
  const tokens = await openid.clientCredentialsGrant(service);
  assert.equal((await proved(service, tokens)).client_id, CLIENT_ID);
  await isAnswered(service, tokens);
}

const wrong = openid.genericGrantRequest(person, 'password', { username: USERNAME, password: 'a guess' });
await assert.rejects(wrong, { ...REFUSED, error: 'invalid_grant', error_description: 'Invalid user credentials' });
const impostor = await discover(CLIENT_ID, undefined, openid.ClientSecretBasic('a guess'));
await assert.rejects(openid.clientCredentialsGrant(impostor), { ...REFUSED, error: 'unauthorized_client' });
const elsewhere = new URL(`${LATIMER}/auth/realms/elsewhere`);
await assert.rejects(openid.discovery(elsewhere, 'a', undefined, undefined, { execute: [openid.allowInsecureRequests] }));
