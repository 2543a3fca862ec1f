/**
 * @module bench/scale/evict
 * Takes files out of the system's page cache. Node cannot ask for that, `dd` of the GNU coreutils can. What lies below
 * the system, such as the cache of a virtual disk's host, is out of reach.
 */
import { spawnSync } from 'node:child_process'

/** Syncs the files first: pages that are not written yet stay. */
const SYNC = 'find "$0" -type f -exec sync -d {} +'
const EVICT =
  'find "$0" -type f -exec sh -c \'for f; do dd if="$f" iflag=nocache count=0 status=none; done\' sh {} +'

/** Whether it works here. */
export function canEvict(folder: string): boolean {
  return spawnSync('sh', ['-c', `${SYNC} && ${EVICT}`, folder]).status === 0
}

export function evictFiles(folder: string): void {
  const { status, stderr } = spawnSync('sh', ['-c', EVICT, folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`evicting the files of ${folder}: ${stderr}`)
}
