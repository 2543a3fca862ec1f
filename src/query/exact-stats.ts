/**
 * @module query/exact-stats
 * Quantiles and slow calls from the rows, where those of the histogram are not exact enough.
 */
import type { Quantile, SlowCalls } from '../types.ts'
import { callsAbove, durationsAt, type RowScan } from './exact-durations.ts'
import { blend, type QuantilePlan } from './quantile-plan.ts'
import { SLOW_FACTOR } from './slow-calls.ts'
import type { SampledDistribution } from './sorted-calls.ts'

/** @param distribution of all calls of the scan; it must not change meanwhile. There must be calls. */
export async function exactQuantiles(
  scan: RowScan,
  distribution: SampledDistribution,
  plan: QuantilePlan,
): Promise<Quantile[]> {
  const durations = await durationsAt(scan, distribution, plan.ranks(distribution, false))
  return plan.readExactly(distribution, (rank) => durations.get(rank)!)
}

/** The same, and the calls above ten times the median. */
export async function exactShape(
  scan: RowScan,
  distribution: SampledDistribution,
  plan: QuantilePlan,
): Promise<{ quantiles: Quantile[]; slow: SlowCalls }> {
  const durations = await durationsAt(scan, distribution, plan.ranks(distribution, true))
  const durationAt = (rank: number): number => durations.get(rank)!
  const { calls, sumNs } = distribution
  const thresholdNs = SLOW_FACTOR * blend(0.5 * (calls - 1), durationAt)
  const above = await callsAbove(scan, thresholdNs)
  return {
    quantiles: plan.readExactly(distribution, durationAt),
    slow: {
      thresholdNs,
      calls: above.calls,
      share: above.calls / calls,
      timeShare: above.calls === 0 ? 0 : Math.min(1, above.sumNs / sumNs),
      meanNs: above.sumNs / above.calls,
    },
  }
}
