/**
 * @module demo/load-process
 * The readers, in a process of their own so that they do not hold up the service's thread. Is sent
 * `{ url, articles, words, quotes, seconds, connections }`, answers with
 * `{ requests, errors, ... }`; the message `'stop'` ends the load early.
 */
import autocannon from 'autocannon'
import { pick, popularityOf, randomNumbers } from './random.mjs'

const LIST_PAGES = 20

/** The terminal sends Ctrl-C to this process too; the parent decides what becomes of the load. */
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())

process.once('message', async (options) => {
  const instance = autocannon({
    url: options.url,
    connections: options.connections,
    duration: options.seconds,
    requests: [{ setupRequest: readersOf(options) }],
  })
  process.on('message', () => instance.stop())
  const result = await instance
  process.send({
    seconds: result.duration,
    answered: result['2xx'] + result.non2xx,
    failed: result.non2xx,
    errors: result.errors,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    maxMs: result.latency.max,
  })
  process.disconnect()
})

/** A function that turns autocannon's blank request into what some reader does next. */
function readersOf({ articles, words, quotes }) {
  const random = randomNumbers(7)
  const article = popularityOf(articles, random)
  const word = popularityOf(words, random)
  const headers = { 'accept-encoding': 'gzip' }
  return (request) => {
    const choice = random()
    if (choice < 0.8) return { ...request, headers, path: `/articles/${article()}` }
    if (choice < 0.9) {
      return { ...request, headers, path: `/?page=${Math.floor(random() * LIST_PAGES)}` }
    }
    if (choice < 0.97) return { ...request, headers, path: `/search?q=${word()}+${word()}` }
    return {
      ...request,
      method: 'POST',
      path: `/articles/${article()}/comments`,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ author: 'a reader', text: pick(quotes, random) }),
    }
  }
}
