// Compiled with experimentalDecorators, never run.
import { capture } from 'kronicler'

class Orders {
  @capture
  find(id: number): string {
    return String(id)
  }

  @capture('load order')
  async load<T>(id: T): Promise<T> {
    return Promise.resolve(id)
  }

  @capture({ name: 'count orders' })
  static count(): number {
    return 0
  }

  @capture()
  list(): string[] {
    return []
  }

  // @ts-expect-error -- a field has no descriptor
  @capture
  field = (): number => 1
}

const text: string = new Orders().find(1)
const loaded: Promise<'x'> = new Orders().load('x')
export { loaded, text }
