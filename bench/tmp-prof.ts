import { openStore } from '../src/outputs/open-store.ts'
import { sqliteOutput } from '../src/internal/output-options.ts'
import { bucketOf } from '../src/metrics/histogram.ts'
import { mkdtempSync } from 'node:fs'
import type { Batch, FunctionDifference } from '../src/outputs/output.ts'
function difference(id: number, seed: number): FunctionDifference {
  const durations = Array.from({ length: 24 }, (_, i) => {
    const u = ((id * 7919 + seed * 104_729 + i * 1_299_709) % 10_007) / 10_007
    return Math.round(1000 * (1 + (id % 50)) * Math.exp(0.3 * Math.log((u + 0.001) / (1.001 - u))))
  })
  const counts = new Map<number, number>()
  for (const duration of durations) { const b = bucketOf(duration); counts.set(b, (counts.get(b) ?? 0) + 1) }
  const buckets = [...counts.keys()].sort((a, b) => a - b)
  return { name: `module${id % 100}.function${id}`, calls: 24, errors: id % 3, sumNs: durations.reduce((s, d) => s + d, 0), squaredDeviations: 1e6, minNs: Math.min(...durations), maxNs: Math.max(...durations), hasNewMin: false, hasNewMax: false, buckets, counts: buckets.map((b) => counts.get(b)!) }
}
const s = await openStore(sqliteOutput(mkdtempSync('/root/w/tmp-outputs/p-') + '/m.db'))
for (let q = 1; q <= 5; q++) {
  const batch: Batch = { writer: 'b', process: 'p', sequence: q, fromMs: Date.UTC(2026,0,1), toMs: Date.UTC(2026,0,1)+1, functions: Array.from({ length: 10000 }, (_, i) => difference(i, q)) }
  const t = performance.now(); await s.save(batch); console.log(q, performance.now() - t)
}
