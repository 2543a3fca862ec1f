/**
 * The same for functions that are captured with options. Here an AsyncLocalStorage is in use throughout, as in most
 * servers: up to Node 22 it puts symbols on promises, bare ones too.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { compareAll } from './compare.ts'
import { DETAILED } from './kits.ts'
import { recordInTemporaryDirectory } from './recording.ts'

new AsyncLocalStorage().run('in use', () => undefined)
recordInTemporaryDirectory()
compareAll(DETAILED)
