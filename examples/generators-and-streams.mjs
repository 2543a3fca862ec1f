// Work that is handed out piece by piece: one call, from the first piece to the end.
import { createReadStream } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { capture, flush } from 'kronicler'
import { openDatabase } from 'kronicler/database'

const open = capture('open', (path) => createReadStream(path, { highWaterMark: 256 }), {
  stream: true,
})
const lines = capture(async function* lines(path) {
  let rest = ''
  for await (const piece of open(path)) {
    const whole = (rest + piece).split('\n')
    rest = whole.pop()
    yield* whole
  }
  if (rest !== '') yield rest
})

const path = fileURLToPath(import.meta.url)
const all = []
for await (const line of lines(path)) all.push(line)
for await (const line of lines(path)) if (line.startsWith('import')) break
await flush()

const database = await openDatabase('.kronicler')
for (const call of await database.tail()) {
  console.log(call.function, call.parent ?? '', call.attributes)
}
const [whole, left] = (await database.tail()).filter((call) => call.function === 'lines')
const { 'generator.items': items } = whole.attributes
if (items !== all.length || !left.attributes['generator.abandoned']) process.exit(1)
await database.close()
