/** What a program loads by importing the package, Node's own modules left out. */
export default [
  {
    name: 'import of kronicler',
    path: 'dist/index.js',
    gzip: true,
    limit: '30 kB',
    modifyEsbuildConfig: (config) => ({ ...config, format: 'esm', platform: 'node' }),
  },
]
