/**
 * @module bench/service/server
 * The application in a process of its own. Its parent says when a measurement begins and ends.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createApplication } from './application.ts'
import { createMeasuring, type Who } from './measures.ts'

export type ServerRequest = 'begin' | 'end' | 'close'

export type ServerMessage =
  | { url: string } // it listens
  | { began: true }
  | { cpuMs: number; loopDelayMs: number } // of the measurement: time of all threads, p99 of the loop's delay
  | { calls: number; dropped: number } // of its whole life, when it is closed

const DELAY_RESOLUTION_MS = 10

/** Which function answers which route. */
const HANDLERS: Readonly<Record<string, string>> = {
  '/products/:id': 'showProduct',
  '/products': 'listProducts',
  '/orders': 'placeOrder',
}

const { who, folder } = JSON.parse(process.argv[2] ?? '{}') as { who: Who; folder: string }
const measuring = await createMeasuring(who, folder)
const app = createApplication(measuring.measure)
const requests = new Map<string, number>()
app.addHook('onRequest', (request, _reply, done) => {
  const name = HANDLERS[request.routeOptions.url ?? '']!
  requests.set(name, (requests.get(name) ?? 0) + 1)
  done()
})
const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
let cpu = process.cpuUsage()

process.on('message', (request: ServerRequest) => {
  void answer(request).then((message) => process.send!(message))
})
const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.send!({ url } satisfies ServerMessage)

async function answer(request: ServerRequest): Promise<ServerMessage> {
  switch (request) {
    case 'begin':
      delay.reset()
      delay.enable()
      cpu = process.cpuUsage()
      return { began: true }
    case 'end': {
      const { user, system } = process.cpuUsage(cpu)
      delay.disable()
      const loopDelayMs = Math.max(0, delay.percentile(99) / 1e6 - DELAY_RESOLUTION_MS)
      return { cpuMs: (user + system) / 1000, loopDelayMs }
    }
    case 'close': {
      await app.close()
      const result = await measuring.close(requests)
      setImmediate(() => {
        process.disconnect()
      })
      return result
    }
  }
}
