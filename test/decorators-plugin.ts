/**
 * Compiles decorators for Vitest. Vite leaves standard decorators in its output, and no version of Node
 * parses them; esbuild lowers them. Files named *.legacy.ts or *.legacy.test.ts are compiled with
 * `experimentalDecorators` and `emitDecoratorMetadata` instead.
 */
import { transform } from 'esbuild'
import { type Plugin, transformWithOxc } from 'vite'

const TYPESCRIPT = /\.[mc]?ts$/
const LEGACY = /\.legacy(\.test)?\.ts$/

export function decoratorsPlugin(): Plugin {
  return {
    name: 'kronicler:decorators',
    enforce: 'pre',
    async transform(code, id) {
      const path = id.split('?', 1)[0] ?? id
      if (!TYPESCRIPT.test(path) || path.includes('/node_modules/')) return
      if (LEGACY.test(path)) {
        // esbuild knows the legacy decorators but does not emit their metadata.
        return transformWithOxc(code, path, {
          decorator: { legacy: true, emitDecoratorMetadata: true },
          target: 'es2022',
          sourcemap: true,
        })
      }
      return transform(code, {
        loader: 'ts',
        target: 'es2022',
        sourcefile: path,
        sourcemap: true,
        tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
      })
    },
  }
}
