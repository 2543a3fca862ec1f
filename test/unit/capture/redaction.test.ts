import { describe, expect, test } from 'vitest'
import { createRedaction } from '../../../src/capture/redaction.ts'

const { secrecyOf, redactText } = createRedaction(true)!

describe('names', () => {
  test.each([
    'password',
    'Password',
    'PASSWORD',
    'passwd',
    'pwd',
    'userPassword',
    'db_password',
    'DB_PASSWORD',
    'passwordHash',
    'password2',
    'passphrase',
    'pass',
    'secret',
    'clientSecret',
    'client_secret',
    'AWS_SECRET_ACCESS_KEY',
    'token',
    'accessToken',
    'access_token',
    'refresh-token',
    'IDToken',
    'eBToken',
    'authorization',
    'Authorization',
    'proxy-authorization',
    'auth',
    'basicAuth',
    'cookie',
    'Set-Cookie',
    'setCookie',
    'apiKey',
    'api_key',
    'APIKey',
    'APIKEY',
    'x-api-key',
    'X-Api-Key',
    'xApiKey',
    'accessKeyId',
    'private_key',
    'privateKeyPem',
    'credentials',
    'credential',
    'session',
    'userSession',
    'sessionId',
    'session_id',
    'sessionid',
    'connect.sid',
    'ssn',
    'creditCard',
    'credit_card_number',
    'cardNumber',
    'cardnumber',
    'cvv',
    'cvc',
    'pin',
    'userPin',
    'pinCode',
    'otp',
    'jwt',
    'bearer',
    'signature',
    'requestSignature',
    'csrf',
    'x-csrf-token',
  ])('%s is secret', (name) => {
    expect(secrecyOf(name)).toBe('secret')
  })

  test.each([
    'author',
    'authors',
    'authored',
    'authority',
    'tokenize',
    'tokenizer',
    'pinned',
    'pinning',
    'spin',
    'opinion',
    'shopping',
    'discussion',
    'sessionStart',
    'secretary',
    'secretariat',
    'passenger',
    'passed',
    'passCount',
    'compass',
    'key',
    'keys',
    'primaryKey',
    'monkey',
    'hotpath',
    'cookieless',
    'assassin',
    'card',
    'cardinality',
    'messageSid',
    'designature',
    'id',
    'name',
    'url',
    '',
    '…',
    'ключ',
  ])('%s is not', (name) => {
    expect(secrecyOf(name)).toBe('public')
  })

  test.each([
    'tokens',
    'cookies',
    'promptTokens',
    'total_tokens',
    'tokenCount',
    'tokenAgeMs',
    'passwordLength',
  ])('%s is a count if it is a number', (name) => {
    expect(secrecyOf(name)).toBe('count')
  })

  test('further names are names in any spelling, and no expressions', () => {
    const further = createRedaction(['IBAN', 'dateOfBirth', 'a.b', '', '??'])!
    expect(further.secrecyOf('customerIban')).toBe('secret')
    expect(further.secrecyOf('date_of_birth')).toBe('secret')
    expect(further.secrecyOf('birth')).toBe('public')
    expect(further.secrecyOf('a-b')).toBe('secret')
    expect(further.secrecyOf('axb')).toBe('public')
    expect(further.secrecyOf('password')).toBe('secret')
  })

  test('false redacts nothing', () => {
    expect(createRedaction(false)).toBeUndefined()
  })
})

describe('texts', () => {
  test.each([
    ['Bearer abc.def', 'Bearer [redacted]'],
    ['got "authorization: bearer\tx-1" back', 'got "authorization: bearer\t[redacted] back'],
    ['Basic dXNlcjpwYXNzd29yZA==', '[redacted]'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', '[redacted]'],
    ['token_eyJhbGciOi.J9.x and more', 'token_[redacted] and more'],
    ['postgres://shop:hunter2@db:5432/shop', 'postgres://shop:[redacted]@db:5432/shop'],
    ['redis://:hunter2@cache', 'redis://:[redacted]@cache'],
    ['mongodb://u:p/w@r@db/x?a=b@c', 'mongodb://u:[redacted]@db/x?a=b@c'],
    ['a http://u:1@b and ftp://v:2@c', 'a http://u:[redacted]@b and ftp://v:[redacted]@c'],
    ['/login?user=me&password=hunter2#top', '/login?user=me&password=[redacted]#top'],
    ['Server=db;Password=hunter2;Port=1', 'Server=db;Password=[redacted];Port=1'],
    [
      'k: -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- !',
      'k: [redacted] !',
    ],
    ['-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc', '[redacted]'],
  ])('%s', (text, redacted) => {
    expect(redactText(text, false)).toBe(redacted)
    expect(redactText(redacted, false)).toBe(redacted)
  })

  test.each([
    'The bearer has rights',
    'basic needs',
    'http://localhost:8080/users?mail=a@b.org',
    'https://[::1]/a',
    'https://git@host/a',
    'myKeyJsonFile.json',
    'eyJust a word',
    'a=1&b=2',
    '-----BEGIN PUBLIC KEY-----\nMIIE',
    '10:30 @home',
  ])('%s stays', (text) => {
    const expected = text.replace('bearer has', 'bearer [redacted]') // a word behind it could be a token
    expect(redactText(text, false)).toBe(expected)
  })

  test('the beginning of what may be a secret is one', () => {
    const header = `eyJ${'a'.repeat(100)}`
    expect(redactText(header, false)).toBe(header)
    expect(redactText(header, true)).toBe('[redacted]')
    expect(redactText('x://user:pass', false)).toBe('x://user:pass')
    expect(redactText('x://user:pass', true)).toBe('x://user:[redacted]')
    expect(redactText('x://user:80/a', true)).toBe('x://user:80/a')
  })
})
