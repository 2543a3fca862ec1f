/**
 * @module outputs/thread
 * The thread for outputs: one a process, if there are any. It reads the metrics in shared memory, so neither the application's
 * thread nor the one that stores rows has anything to do with it, and a server that is slow holds up nobody else.
 */
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { nodeFiles } from '../database/file.ts'
import { NameLog, type NameLimits } from '../queue/name-log.ts'
import type { SharedMemory } from '../queue/layout.ts'
import type { OutputHealth } from '../types.ts'
import { Cutter, type OutputMemory } from './cutter.ts'
import { DriverGuard } from './driver-guard.ts'
import { openStore } from './open-store.ts'
import { OutputWorker, type OutputWorkerSetup } from './output-worker.ts'
import { lowerThreadPriority } from './thread-priority.ts'

export interface OutputSetup extends OutputWorkerSetup {
  memory: OutputMemory
}

/** What the thread is started with. */
export interface OutputsThreadSetup {
  memory: SharedMemory
  names: NameLimits
  functions: number // ids in use are below this
  outputs: OutputSetup[]
}

export type OutputsRequest = { id: number; request: 'flush' | 'close' }

export type OutputsMessage =
  | { id: number; done: boolean } // the answer: whether everything was sent
  | { output: number; health: OutputHealth }
  | { output: number; code: string; message: string }

const setup = workerData as OutputsThreadSetup
const names = new NameLog(setup.memory.names, setup.names, threadId)
const workers = setup.outputs.map((output, index) => {
  const guard = new DriverGuard(output.memory.control)
  const cutter = new Cutter(setup.memory, output.memory, names, setup.functions, threadId)
  return new OutputWorker(output, {
    files: nodeFiles,
    cutter,
    open: (descriptor) => openStore(descriptor, guard),
    onHealth: (health) => {
      post({ output: index, health })
    },
    onFailure: ({ code, message }) => {
      post({ output: index, code, message })
    },
  })
})

function post(message: OutputsMessage): void {
  parentPort!.postMessage(message)
}

parentPort!.on('message', ({ id, request }: OutputsRequest) => {
  void answer(id, request)
})

async function answer(id: number, request: OutputsRequest['request']): Promise<void> {
  const done = await Promise.all(workers.map((worker) => worker[request]()))
  post({ id, done: done.every(Boolean) })
  if (request === 'close') parentPort!.close() // nothing keeps the thread any more
}

lowerThreadPriority()
for (const worker of workers) worker.start()
