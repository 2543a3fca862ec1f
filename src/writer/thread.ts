/**
 * @module writer/thread
 * Stands in until the background thread is written.
 */
import { parentPort } from 'node:worker_threads'

parentPort?.postMessage('started')
