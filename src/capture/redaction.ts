/**
 * @module capture/redaction
 * What must not be stored, though an extractor returned it: values under a name that says so (`password`, `apiKey`), and
 * texts that are plainly a secret (a bearer token, a URL with a password). The safety net under the extractor, not a
 * substitute for its choice: a secret under a harmless name in a harmless form is not recognised.
 */

/** `true`: the default names. An array: these names besides. `false`: nothing is redacted. */
export type Redact = boolean | readonly string[]

/** Whether a value may be stored, by its name. A `count` may be if it is a number: `promptTokens: 512`. */
export type Secrecy = 'public' | 'secret' | 'count'

export interface Redaction {
  secrecyOf: (name: string) => Secrecy
  /**
   * The text with the secrets in it replaced. O(length).
   *
   * @param goesOn it is only the beginning of a text: what may be the beginning of a secret is taken for one
   */
  redactText: (text: string, goesOn: boolean) => string
}

export const REDACTED = '[redacted]'

/**
 * Names as words of one blank between; `accessToken`, `access_token` and `ACCESS-TOKEN` are all `access token`. Each stands
 * for itself as a part of a longer name, at word boundaries: `author`, `tokenize` and `pinned` are no secrets.
 */
const SECRET_NAMES = [
  'pass(?:word|wd|phrase|code)s?|pass (?:word|phrase|code)|pwd|(?:user|db|admin|root)(?:password|pwd)',
  'secrets?|(?:client|app|api|shared)secret|tokens?|(?:access|refresh|auth|session|id|api|csrf|xsrf)token',
  'auth|authorization|authorisation|bearer|jwt|credentials?|creds?',
  '(?:api|access|private|secret|signing|encryption|master|ssh|account) ?keys?',
  'cookies?|setcookie|session ?ids?|sessid|phpsessid|jsessionid|csrf|xsrf',
  'ssn|social security(?: number)?|credit ?cards?|card ?(?:number|no)|cvv|cvc|cvn|pin|pincode|otp|totp',
  'signatures?',
].join('|')
/** These are too common as parts of other names: `passCount`, `messageSid`, `sessionStart`. */
const SECRET_WHOLE_NAMES = 'pass|(?:connect )?sid|(?:[^ ]+ )*sessions?'

/** The last word of a name under which a number is a measure, not a secret. */
const COUNT_WORDS =
  / (?:tokens|sessions|cookies|count|length|size|bytes|limit|used|total|ms|ns|seconds) $/
const LONGEST_NAME = 512
/** Names repeat from call to call; what was found about the first ones is kept. */
const KNOWN_NAMES = 1000
const LONGEST_KNOWN_NAME = 64

/** Every secret text has one of these; most texts have none. */
const HINT = /eyJ|:\/\/|=|PRIVATE KEY|b(?:earer|asic)\s/i
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[^]*?(?:-----END [A-Z0-9 ]{0,40}-----|$)/g
const BEARER = /\b(bearer\s+)\S+/gi
const BASIC = /^\s*basic\s+([a-z0-9+/_-]+=*)\s*$/i
/** Of what JSON Web Tokens consist. Runs are looked into by a function: one expression for it all would be quadratic. */
const TOKEN_RUN = /[\w.-]{5,}/g
/** `user:password@` of a URL; not a port, though a mail address may follow in the path. */
const URL_USER = String.raw`(:\/\/[^\s"<>/?#:@]*:)(?!\d{1,5}(?:[\s"/?#]|$))`
const URL_PASSWORD = new RegExp(String.raw`${URL_USER}[^\s"<>@]*@(?:[^\s"<>/?#@]*@)*`, 'g')
const OPEN_URL_PASSWORD = new RegExp(String.raw`${URL_USER}[^\s"<>@]*$`)
const PARAMETER = /([?&;#,\s]|^)([\w.%-]{1,64})=([^&;#\s]+)/g

/** @returns undefined if nothing is to be redacted */
export function createRedaction(redact: Redact): Redaction | undefined {
  if (redact === false) return undefined
  const further = redact === true ? [] : redact.map(wordsOf).filter((words) => words !== '')
  const names = [SECRET_NAMES, ...further.map(escapeForRegExp)].join('|')
  const secretName = new RegExp(` (?:${names}) |^ (?:${SECRET_WHOLE_NAMES}) $`)

  const known = new Map<string, Secrecy>()

  function secrecyOf(name: string): Secrecy {
    let secrecy = known.get(name)
    if (secrecy === undefined) {
      const words = ` ${wordsOf(name.slice(0, LONGEST_NAME))} `
      if (!secretName.test(words)) secrecy = 'public'
      else secrecy = COUNT_WORDS.test(words) ? 'count' : 'secret'
      if (known.size < KNOWN_NAMES && name.length <= LONGEST_KNOWN_NAME) known.set(name, secrecy)
    }
    return secrecy
  }

  function redactParameter(parameter: string, before: string, name: string): string {
    return secrecyOf(name) === 'public' ? parameter : `${before}${name}=${REDACTED}`
  }

  function redactText(text: string, goesOn: boolean): string {
    if (!HINT.test(text)) return text
    if (isBasicCredentials(text)) return REDACTED
    let redacted = text.replace(BEARER, `$1${REDACTED}`)
    if (redacted.includes('PRIVATE KEY')) redacted = redacted.replace(PRIVATE_KEY, REDACTED)
    if (redacted.includes('eyJ')) {
      redacted = redacted.replace(TOKEN_RUN, (run, at: number, whole: string) =>
        redactWebToken(run, goesOn && at + run.length === whole.length),
      )
    }
    if (redacted.includes('://')) {
      if (redacted.includes('@')) redacted = redacted.replace(URL_PASSWORD, `$1${REDACTED}@`)
      if (goesOn) redacted = redacted.replace(OPEN_URL_PASSWORD, `$1${REDACTED}`)
    }
    return redacted.includes('=') ? redacted.replace(PARAMETER, redactParameter) : redacted
  }

  return { secrecyOf, redactText }
}

/** `Basic` and user:password in base64, and nothing else. */
function isBasicCredentials(text: string): boolean {
  const base64 = BASIC.exec(text)?.[1]
  return base64 !== undefined && Buffer.from(base64, 'base64').includes(':')
}

/**
 * A JSON Web Token: `eyJ`, which is `{"` in base64, where a word begins, and a dot behind it.
 *
 * @param run        characters a token may consist of
 * @param isUnfinished the text goes on behind what is looked at: the dot may follow there
 */
function redactWebToken(run: string, isUnfinished: boolean): string {
  for (let at = run.indexOf('eyJ'); at >= 0; at = run.indexOf('eyJ', at + 1)) {
    if (at > 0 && /[A-Za-z0-9]/.test(run[at - 1]!)) continue
    if (isUnfinished || run.includes('.', at)) return run.slice(0, at) + REDACTED
    return run // no dot behind this one, so none behind later ones
  }
  return run
}

/** `X-API-Key`, `xApiKey` and `x_api_key2` are `x api key`. */
function wordsOf(name: string): string {
  return name
    .replace(/(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/gu, ' ')
    .toLowerCase()
    .split(/\P{L}+/u)
    .filter((word) => word !== '')
    .join(' ')
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
