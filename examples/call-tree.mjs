// Where the time goes: self time, and who called whom, across await too.
import { setTimeout as sleep } from 'node:timers/promises'
import { capture, flush } from 'kronicler'
import { openDatabase } from 'kronicler/database'

const query = capture('query', (ms) => sleep(ms), { parent: true })
const render = capture('render', () => JSON.stringify(Array.from({ length: 20_000 }, (_, i) => i)))
const page = capture(
  'page',
  async () => {
    await Promise.all([query(20), query(30)]) // at the same time: 30 ms, not 50
    return render()
  },
  { parent: true },
)

await page()
await page()
await flush()

const database = await openDatabase('.kronicler')
for (const { function: name, parent, durationNs, selfNs } of await database.tail(8)) {
  const ms = (ns) => `${(ns / 1e6).toFixed(1)} ms`
  console.log(
    `${name} called by ${parent ?? 'nobody known'}: ${ms(durationNs)}, itself ${ms(selfNs)}`,
  )
}
const { selfNs, sumNs } = await database.stats({ function: 'page' })
if (!(selfNs < sumNs / 2)) process.exit(1)
await database.close()
