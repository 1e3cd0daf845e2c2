// Signs in at the provider as the service and as the person, by `openid-client`, and prints the tokens as JSON.

import assert from 'node:assert/strict';
import * as openid from 'openid-client';

const { ISSUER, SECRET } = process.env;
const RESOURCE = 'urn:latimer';

const discover = (id) =>
  openid.discovery(new URL(ISSUER), id, SECRET, undefined, { execute: [openid.allowInsecureRequests] });

/** Follows redirects with the cookies of one browser, until they lead back to the client. */
async function browse(url, back) {
  const cookies = new Map();
  while (!url.href.startsWith(back)) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = set.match(/^([^=]+)=([^;]*)/);
      cookies.set(name, value);
    }
    const location = answer.headers.get('location');
    assert.ok(location, `${url} leads nowhere: ${answer.status} ${await answer.text()}`);
    url = new URL(location, url);
  }
  return url;
}

const robot = await discover('robot');
const service = await openid.clientCredentialsGrant(robot, { resource: RESOURCE });
const elsewhere = await openid.clientCredentialsGrant(robot, { resource: 'urn:elsewhere' });

const client = await discover('latimer');
const verifier = openid.randomPKCECodeVerifier();
const redirect_uri = `${ISSUER}/back`;
const code_challenge = await openid.calculatePKCECodeChallenge(verifier);
const form = { redirect_uri, scope: 'openid use', resource: RESOURCE, code_challenge, code_challenge_method: 'S256' };
const back = await browse(openid.buildAuthorizationUrl(client, form), redirect_uri);
const person = await openid.authorizationCodeGrant(client, back, { pkceCodeVerifier: verifier }, { resource: RESOURCE });

const token = ({ access_token }) => access_token;
console.log(JSON.stringify({ service: token(service), elsewhere: token(elsewhere), person: token(person), id: person.id_token }));
