/**
 * @module demo/load
 * Starts the readers (load-process.mjs) and waits for their result.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { quotesFrom } from './articles.mjs'

export const LOAD = { seconds: 10, connections: 6 }

const SEARCH_WORDS = 400
const QUOTES = 500

/**
 * Puts the service under load until the time is over or `signal` is aborted.
 *
 * @param {string} url of the service
 * @param {readonly import('./articles.mjs').Article[]} articles what can be asked for
 * @param {AbortSignal} signal
 * @returns {Promise<{ seconds: number, answered: number, failed: number, errors: number,
 *                     p50Ms: number, p99Ms: number, maxMs: number }>}
 */
export function runLoad(url, articles, signal) {
  const readers = fork(fileURLToPath(new URL('load-process.mjs', import.meta.url)))
  readers.send({
    url,
    articles: articles.map(({ id }) => id),
    words: searchWords(articles),
    quotes: quotesFrom(articles).slice(0, QUOTES),
    ...LOAD,
  })
  const stop = () => readers.connected && readers.send('stop')
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  return new Promise((resolve, reject) => {
    readers.once('message', resolve)
    readers.once('error', reject)
    readers.once('exit', (code, killedBy) =>
      reject(new Error(`The load generator ended with ${killedBy ?? `exit code ${code}`}`)),
    )
  })
}

/** Words of the titles, each once. */
function searchWords(articles) {
  const words = articles.flatMap(({ title }) => title.toLowerCase().match(/[a-z]{4,}/g) ?? [])
  return [...new Set(words)].slice(0, SEARCH_WORDS)
}
