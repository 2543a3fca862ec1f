/**
 * @module database/pacer
 * Keeps long work from holding up its thread: it pauses every few milliseconds, looks whether it is still wanted, and
 * tells how far it has come.
 */

/** How far work over whole files has come. */
export interface FilesProgress {
  bytes: number // done so far
  totalBytes: number // as far as known: files may appear, grow and go meanwhile
  path: string // of the file at hand
}

export interface PacerOptions {
  signal?: AbortSignal | undefined // ends the work: the promise is rejected with the signal's reason
  onProgress?: ((progress: FilesProgress) => void) | undefined // every hundred milliseconds or so
}

const PAUSE_INTERVAL_MS = 10
const PROGRESS_INTERVAL_MS = 100

export class Pacer {
  readonly #signal: AbortSignal | undefined
  readonly #onProgress: PacerOptions['onProgress']
  readonly #totalBytes: number
  #bytes = 0
  #path = ''
  #pausedMs = performance.now()
  #toldMs = 0

  constructor({ onProgress, signal }: PacerOptions, totalBytes: number) {
    this.#signal = signal
    this.#onProgress = onProgress
    this.#totalBytes = totalBytes
  }

  /** Bytes done so far. */
  get bytes(): number {
    return this.#bytes
  }

  get isAborted(): boolean {
    return this.#signal?.aborted === true
  }

  begin(path: string): void {
    this.#path = path
  }

  add(sizeBytes: number): void {
    this.#bytes += sizeBytes
  }

  /** Ask between steps, and pause if so: an await for every step would cost more than the steps. */
  get isDue(): boolean {
    return performance.now() - this.#pausedMs >= PAUSE_INTERVAL_MS
  }

  /** Lets the event loop run. @throws the signal's reason if it has been aborted */
  async pause(): Promise<void> {
    this.#signal?.throwIfAborted()
    if (performance.now() - this.#toldMs >= PROGRESS_INTERVAL_MS) this.tell()
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.#signal?.throwIfAborted()
    this.#pausedMs = performance.now()
  }

  /** Tells the progress now. */
  tell(): void {
    this.#toldMs = performance.now()
    const totalBytes = Math.max(this.#totalBytes, this.#bytes)
    this.#onProgress?.({ bytes: this.#bytes, totalBytes, path: this.#path })
  }
}
