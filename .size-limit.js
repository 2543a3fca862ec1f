/** What a program loads by importing the package, Node's own modules left out, and what only sealing and questions load. */
export default [
  {
    name: 'import of kronicler',
    path: 'dist/index.js',
    gzip: true,
    limit: '40 kB',
    modifyEsbuildConfig: (config) => ({
      ...config,
      format: 'esm',
      platform: 'node',
      external: [...(config.external ?? []), './seal.js', './open-database.js'],
    }),
  },
]
