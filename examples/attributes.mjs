// What a call was about: stored with it, without secrets.
import { setTimeout as sleep } from 'node:timers/promises'
import { capture, flush } from 'kronicler'
import { openDatabase } from 'kronicler/database'

const loadOrder = capture(
  async function loadOrder(id, { token }) {
    await sleep(id === 7 ? 40 : 2) // one order is large
    if (token === undefined) throw new TypeError('not signed in')
    return { id, lines: id === 7 ? 5000 : 3 }
  },
  {
    attributes: ([id, { token }], order, error) => ({
      id,
      token,
      lines: order?.lines,
      reason: error?.message,
    }),
  },
)

for (let id = 1; id <= 10; id++) {
  await loadOrder(id, { token: id === 4 ? undefined : 'secret' }).catch(() => undefined)
}
await flush()

const database = await openDatabase('.kronicler')
for (const { durationNs, error, attributes } of await database.slowest({ limit: 3 })) {
  console.log(`${(durationNs / 1e6).toFixed(1)} ms`, error ?? '', attributes)
}
const [slowest] = await database.slowest({ limit: 1 })
if (slowest.attributes.id !== 7 || slowest.attributes.token !== '[redacted]') process.exit(1)
await database.close()
