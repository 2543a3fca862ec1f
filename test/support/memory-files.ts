/** A file system in memory, and one that fails where a test wants it to. */
import type { FileLayer, FileStatus } from '../../src/database/file.ts'

interface Inode {
  bytes: Uint8Array
  sizeBytes: number
}

/** Enough of a POSIX file system for the database: names and open descriptors are apart, as with real files. */
export class MemoryFiles implements FileLayer {
  readonly names = new Map<string, Inode>()
  readonly folders = new Set<string>()
  readonly #open = new Map<number, Inode>()
  #next = 3

  get openCount(): number {
    return this.#open.size
  }

  /** Another file system with the same files, none of which is open. */
  clone(): MemoryFiles {
    const other = new MemoryFiles()
    for (const [path, { bytes, sizeBytes }] of this.names) {
      other.names.set(path, { bytes: bytes.slice(), sizeBytes })
    }
    for (const folder of this.folders) other.folders.add(folder)
    return other
  }

  /** Content of a file. */
  content(path: string): Uint8Array {
    const inode = this.#named(path)
    return inode.bytes.slice(0, inode.sizeBytes)
  }

  list(folder: string): string[] {
    const prefix = folder + '/'
    return [...this.names.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'))
      .map((path) => path.slice(prefix.length))
      .sort()
  }

  open(path: string, flags: 'r' | 'r+' | 'wx+'): number {
    if (flags === 'wx+') {
      if (this.names.has(path)) throw systemError('EEXIST', path)
      this.names.set(path, { bytes: new Uint8Array(256), sizeBytes: 0 })
    }
    const descriptor = this.#next++
    this.#open.set(descriptor, this.#named(path))
    return descriptor
  }

  close(descriptor: number): void {
    this.#inode(descriptor)
    this.#open.delete(descriptor)
  }

  read(descriptor: number, into: Uint8Array, at: number, sizeBytes: number, position: number) {
    const { bytes, sizeBytes: size } = this.#inode(descriptor)
    const count = Math.max(0, Math.min(sizeBytes, size - position))
    into.set(bytes.subarray(position, position + count), at)
    return count
  }

  write(descriptor: number, from: Uint8Array, at: number, sizeBytes: number, position: number) {
    const inode = this.#inode(descriptor)
    const end = position + sizeBytes
    if (end > inode.bytes.length) {
      const larger = new Uint8Array(2 * end)
      larger.set(inode.bytes.subarray(0, inode.sizeBytes))
      inode.bytes = larger
    }
    inode.bytes.set(from.subarray(at, at + sizeBytes), position)
    inode.sizeBytes = Math.max(inode.sizeBytes, end)
    return sizeBytes
  }

  truncate(descriptor: number, sizeBytes: number): void {
    const inode = this.#inode(descriptor)
    inode.bytes.fill(0, Math.min(sizeBytes, inode.sizeBytes), inode.sizeBytes)
    inode.sizeBytes = sizeBytes
  }

  fdatasyncSync(descriptor: number): void {
    this.#inode(descriptor)
  }

  fdatasync(descriptor: number): Promise<void> {
    return new Promise((resolve) => {
      this.fdatasyncSync(descriptor)
      resolve()
    })
  }

  fsyncDirectory(_path: string): void {
    // Nothing to lose.
  }

  rename(from: string, to: string): void {
    this.names.set(to, this.#named(from))
    this.names.delete(from)
  }

  unlink(path: string): void {
    this.#named(path)
    this.names.delete(path)
  }

  mkdir(path: string): void {
    this.folders.add(path)
  }

  readdir(path: string): string[] {
    return this.list(path)
  }

  stat(path: string): FileStatus {
    if (this.folders.has(path)) return statusOf(0, true)
    return statusOf(this.#named(path).sizeBytes, false)
  }

  fstat(descriptor: number): FileStatus {
    return statusOf(this.#inode(descriptor).sizeBytes, false)
  }

  readText(path: string): string {
    return new TextDecoder().decode(this.content(path))
  }

  #named(path: string): Inode {
    const inode = this.names.get(path)
    if (inode === undefined) throw systemError('ENOENT', path)
    return inode
  }

  #inode(descriptor: number): Inode {
    const inode = this.#open.get(descriptor)
    if (inode === undefined) throw systemError('EBADF', String(descriptor))
    return inode
  }
}

export type Failure = 'ENOSPC' | 'EIO' | 'short'

/** Operations that can fail, in the order in which they are counted. */
const FALLIBLE = new Set([
  'open',
  'close',
  'read',
  'write',
  'truncate',
  'fdatasyncSync',
  'fdatasync',
  'fsyncDirectory',
  'rename',
  'unlink',
  'stat',
  'fstat',
])

/**
 * Fails at the n-th operation and works again after it.
 *
 * - ENOSPC, EIO: the operation throws; a write has written half of its bytes before.
 * - short: a write writes half of its bytes and says so; other operations are as they are.
 */
export class FailingFiles {
  readonly files: FileLayer
  operations = 0
  failAt = Infinity
  failure: Failure = 'EIO'
  lastFailed: string | undefined
  readonly names: string[] = [] // of the operations

  constructor(base: FileLayer) {
    this.files = new Proxy(base, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        const method = member.bind(target) as (...args: unknown[]) => unknown
        if (!FALLIBLE.has(String(name))) return method
        return (...args: unknown[]) => this.#call(target, String(name), method, args)
      },
    })
  }

  #call(
    target: FileLayer,
    name: string,
    method: (...args: unknown[]) => unknown,
    args: unknown[],
  ): unknown {
    this.names.push(name)
    if (this.operations++ !== this.failAt) return method(...args)
    this.lastFailed = name
    if (name === 'write') {
      const [descriptor, from, at, sizeBytes, position] = args as Parameters<FileLayer['write']>
      const half = target.write(descriptor, from, at, Math.ceil(sizeBytes / 2), position)
      if (this.failure === 'short') return half
    }
    if (this.failure === 'short') return method(...args)
    const error = systemError(this.failure, name)
    if (name === 'close') method(...args) // a descriptor is gone even if closing it failed
    return name === 'fdatasync' ? Promise.reject(error) : fail(error)
  }
}

function fail(error: Error): never {
  throw error
}

function statusOf(sizeBytes: number, isDirectory: boolean): FileStatus {
  return { sizeBytes, modifiedMs: 0, inode: 0, isDirectory }
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}
