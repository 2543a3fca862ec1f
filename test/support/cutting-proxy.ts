/**
 * A proxy on the loopback that breaks connections where a test wants them broken: before what the client says reaches the server,
 * or after, so that the client never learns what became of it.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface CuttingProxy {
  readonly port: number
  /** Breaks the connection the next `times` times that the client says this. */
  cut(text: string, where: 'before' | 'after', times: number): void
  /** How often that has happened. */
  readonly cuts: number
  close(): Promise<void>
}

export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  let pattern = ''
  let where: 'before' | 'after' = 'before'
  let left = 0
  let cuts = 0
  const sockets = new Set<Socket>()
  const proxy = createServer((client) => {
    const server = connect(target, '127.0.0.1')
    let isDeaf = false // answers no longer come through
    const end = (): void => {
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', end)
    }
    client.on('data', (data) => {
      const isCut = left > 0 && data.includes(pattern)
      if (isCut) {
        left--
        cuts++
        if (where === 'before') {
          end()
          return
        }
        isDeaf = true
      }
      server.write(data)
    })
    server.on('data', (data) => {
      if (isDeaf)
        end() // it has done what it was asked to
      else client.write(data)
    })
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    port: (proxy.address() as AddressInfo).port,
    cut(text, place, times) {
      pattern = text
      where = place
      left = times
    },
    get cuts() {
      return cuts
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
