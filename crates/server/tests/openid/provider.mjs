// `oidc-provider` on loopback, with a client that is a service, and one by which whoever comes is signed in as `ada`.
//
// Every start puts a new key in front of those in the file KEYS, and signs by it. It prints its issuer when it listens.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const { PORT, KEYS, SECRET } = process.env;
const SCOPE = 'use';

const { privateKey } = await generateKeyPair('RS256', { extractable: true });
const key = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256' };
const keys = [key, ...(existsSync(KEYS) ? JSON.parse(readFileSync(KEYS)) : [])];
writeFileSync(KEYS, JSON.stringify(keys));

// What it advises those who run it for good is of no use here.
console.info = console.warn = () => {};
const server = createServer();
await new Promise((listening) => server.listen(Number(PORT), '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [
    { client_id: 'robot', client_secret: SECRET, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    // Called as the audience, so that its ID tokens are meant for Latimer too.
    { client_id: 'latimer', client_secret: SECRET, redirect_uris: [`${issuer}/back`] },
  ],
  cookies: { keys: [SECRET] },
  jwks: { keys },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      // `urn:latimer` is the audience `latimer`.
      getResourceServerInfo: (_, resource) => ({
        scope: SCOPE,
        audience: resource.replace('urn:', ''),
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  extraTokenClaims: (_, token) =>
    token.accountId && { preferred_username: token.accountId, realm_access: { roles: ['developer'] }, applications: ['demo'] },
  interactions: { url: (_, { uid }) => `/come-in/${uid}` },
  async loadExistingGrant({ oidc: { client, params, session } }) {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
    grant.addOIDCScope('openid');
    grant.addResourceScope(params.resource, SCOPE);
    await grant.save();
    return grant;
  },
});
const answer = provider.callback();
server.on('request', (request, response) => {
  if (request.url.startsWith('/come-in/')) {
    provider.interactionFinished(request, response, { login: { accountId: 'ada' } });
  } else {
    answer(request, response);
  }
});
console.log(issuer);
