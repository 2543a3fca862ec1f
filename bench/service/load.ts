/**
 * @module bench/service/load
 * The readers and buyers, in a process of their own. Is sent what to do and answers with how long it took, as often as it is
 * asked.
 */
import autocannon from 'autocannon'
import { createRandom, type Random } from '../harness/random.ts'
import { PRODUCTS, SEARCH_WORDS } from './application.ts'

export interface LoadRequest {
  url: string
  seconds: number
  connections: number // each asks again as soon as it has its answer
}

export interface LoadResult {
  requestsPerSecond: number
  durationsMs: number[] // from each request to its response
}

const SEED = 7

process.on('message', (request: LoadRequest) => {
  void run(request).then((result) => process.send!(result))
})
process.on('disconnect', () => process.exit())

async function run({ url, seconds, connections }: LoadRequest): Promise<LoadResult> {
  const random = createRandom(SEED)
  const durationsMs: number[] = []
  const start = performance.now()
  let last = start
  const options: autocannon.Options = {
    url,
    connections,
    duration: seconds,
    requests: [{ setupRequest: (request) => ({ ...request, ...nextRequest(random) }) }],
  }
  await new Promise<void>((resolve, reject) => {
    const instance = autocannon(options, (error: Error | null, { errors, timeouts, non2xx }) => {
      const failed = errors + timeouts + non2xx
      if (error !== null) reject(error)
      else if (failed > 0) reject(new Error(`${failed} requests failed`))
      else resolve()
    })
    instance.on('response', (_client, _status, _bytes, durationMs) => {
      durationsMs.push(durationMs)
      last = performance.now()
    })
  })
  return { requestsPerSecond: (durationsMs.length * 1000) / (last - start), durationsMs }
}

/** 60 % look at a product, 25 % search, 15 % buy. */
function nextRequest(random: Random): autocannon.Request {
  const choice = random.uniform()
  if (choice < 0.6) return { method: 'GET', path: `/products/${random.below(PRODUCTS)}` }
  if (choice < 0.85) {
    const word = SEARCH_WORDS[random.below(SEARCH_WORDS.length)]!
    return { method: 'GET', path: `/products?q=${word}&page=${random.below(3)}` }
  }
  const lines = Array.from({ length: 1 + random.below(4) }, () => ({
    product: random.below(PRODUCTS),
    quantity: 1 + random.below(12),
  }))
  return {
    method: 'POST',
    path: '/orders',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ lines }),
  }
}
