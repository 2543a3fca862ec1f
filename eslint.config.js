// @ts-check
import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** Who may import whom, by folder of src. Anyone may import errors.ts, types.ts and internal/. */
const MAY_IMPORT = {
  metrics: [],
  queue: [],
  capture: ['queue', 'metrics'],
  database: ['metrics'],
  query: ['database', 'metrics'],
  outputs: ['queue', 'metrics', 'database'],
  control: ['queue', 'database'],
  writer: ['control', 'queue', 'metrics', 'outputs', 'database'],
  analysis: ['query'],
  integrations: ['capture'],
  server: ['analysis', 'query', 'metrics'],
  cli: ['server', 'analysis', 'query', 'outputs', 'control', 'database', 'metrics'],
}

/** These run inside the user's process, or are used on their own: no package but Node's modules. */
const WITHOUT_DEPENDENCIES = [
  'capture',
  'queue',
  'metrics',
  'control',
  'database',
  'query',
  'analysis',
]

const DATABASE_FILE = 'src/database/file.ts'

/** @param {string} layer @param {{ mayUseFs: boolean }} options */
function importBoundaries(layer, { mayUseFs }) {
  const allowed = [layer, ...MAY_IMPORT[/** @type {keyof typeof MAY_IMPORT} */ (layer)]]
  const banned = Object.keys(MAY_IMPORT).filter((other) => !allowed.includes(other))
  /** @type {{ group?: string[], regex?: string, message: string }[]} */
  const patterns = banned.map((other) => ({
    group: [`**/${other}/**`],
    message: `${layer} may not import ${other}: see MAY_IMPORT in eslint.config.js.`,
  }))
  if (WITHOUT_DEPENDENCIES.includes(layer)) {
    patterns.push({
      regex: String.raw`^(?!node:|\.{1,2}/)`,
      message: `${layer} has no dependencies.`,
    })
  }
  const paths = [
    {
      name: 'node:util',
      message: 'Importing it opens the standard streams in newer Node.js: take node:util/types.',
    },
  ]
  if (!mayUseFs) {
    for (const name of ['node:fs', 'node:fs/promises']) {
      paths.push({
        name,
        message: `Only ${DATABASE_FILE} touches files, so that a test can pass one that fails.`,
      })
    }
  }
  return /** @type {const} */ ({ 'no-restricted-imports': ['error', { paths, patterns }] })
}

export default defineConfig(
  globalIgnores([
    'dist/',
    'coverage/',
    '**/.kronicler/',
    'src/database/kernels/assembly/', // AssemblyScript
    'src/database/kernels/kernels.wasm.ts', // generated
  ]),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'Name what is exported.' },
      ],
      'no-console': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // An index that was just bounds-checked: noUncheckedIndexedAccess asks for `!` there, and a
      // check would cost on the hot path.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/prefer-literal-enum-member': 'off',
      '@typescript-eslint/unified-signatures': 'off',
    },
  },
  ...Object.keys(MAY_IMPORT).map((layer) => ({
    files: [`src/${layer}/**/*.ts`],
    ignores: [DATABASE_FILE],
    rules: importBoundaries(layer, { mayUseFs: layer !== 'database' }),
  })),
  {
    files: [DATABASE_FILE],
    rules: importBoundaries('database', { mayUseFs: true }),
  },
  {
    // cli/main.ts wires, as src/index.ts does.
    files: ['src/cli/main.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts', 'demo/**/*.ts'],
    rules: {
      // Asymmetric matchers and parsed JSON are `any`.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // Tests throw what users throw, and write async functions that await nothing.
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-unused-private-class-members': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // Compiled under a tsconfig of their own, which the project service does not look for.
    files: ['**/*.legacy.ts', '**/*.legacy.test.ts'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { projectService: false } },
    rules: { '@typescript-eslint/consistent-type-exports': 'off' },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: { globals: nodeGlobals() },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: {
        require: 'readonly',
        module: 'writable',
        exports: 'writable',
        __dirname: 'readonly',
      },
    },
  },
)

/** Node's globals, from Node itself. */
function nodeGlobals() {
  return Object.fromEntries(
    Object.getOwnPropertyNames(globalThis)
      .filter((name) => !Object.hasOwn(Object.prototype, name))
      .map((name) => [name, /** @type {const} */ ('readonly')]),
  )
}
