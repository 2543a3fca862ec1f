/** The real files, but for one whose content is another. */
import { nodeFiles, type FileLayer } from '../../src/database/file.ts'

export function withDamage(path: string, content: Uint8Array): FileLayer {
  const damaged = new Set<number>() // descriptors
  const sizeOf = <T extends { sizeBytes: number }>(status: T): T => ({
    ...status,
    sizeBytes: content.length,
  })
  return {
    ...nodeFiles,
    open(name, flags) {
      const descriptor = nodeFiles.open(name, flags)
      if (name === path) damaged.add(descriptor)
      return descriptor
    },
    close(descriptor) {
      damaged.delete(descriptor)
      nodeFiles.close(descriptor)
    },
    read(descriptor, into, at, sizeBytes, position) {
      if (!damaged.has(descriptor)) return nodeFiles.read(descriptor, into, at, sizeBytes, position)
      const part = content.subarray(position, position + sizeBytes)
      into.set(part, at)
      return part.length
    },
    fstat(descriptor) {
      const status = nodeFiles.fstat(descriptor)
      return damaged.has(descriptor) ? sizeOf(status) : status
    },
    stat: (name) => (name === path ? sizeOf(nodeFiles.stat(name)) : nodeFiles.stat(name)),
    readText: (name) =>
      name === path ? new TextDecoder().decode(content) : nodeFiles.readText(name),
  }
}
