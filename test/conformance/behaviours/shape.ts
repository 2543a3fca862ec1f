/**
 * What can be seen of a function without calling it.
 */
import { inspect, promisify, types } from 'node:util'
import type { Behaviour, Form } from '../form.ts'
import { constructor, outcomeOf, ownProperties, plain } from '../observe.ts'

const mark = Symbol('mark')

export const SHAPE: readonly Behaviour[] = [
  {
    name: 'name and length',
    observe(make) {
      const { fn } = make(() => 0)
      return [fn.name, fn.length, typeof fn]
    },
  },
  {
    name: 'own properties, their order and attributes',
    observe: (make) => ownProperties(make(() => 0).fn),
    differences: [
      {
        id: 'own-toString',
        of: ({ isOpaque }) => !isOpaque,
        adjust: (bare: unknown[], { name }: Form) => [
          ...bare,
          ['toString', attributesOfOwnToString(name)],
        ],
      },
      { id: 'sloppy-arguments', of: hasArguments, adjust: withPrototypeFirst },
    ],
  },
  {
    name: 'own properties of all kinds that its owner has given it',
    of: canBeExtended,
    observe(make) {
      const { fn } = make(() => 0, addProperties)
      return [
        ownProperties(fn).filter(([key]) => !EVERY_FUNCTION_HAS.includes(key)),
        Object.keys(fn),
        JSON.stringify({ ...(fn as object) }),
        forIn(fn),
        (fn as unknown as { computed: number }).computed,
        Object.entries(Object.assign({}, fn)).map(([key, value]) => [key, plain(value)]),
      ]
    },
  },
  {
    name: 'a name and a length that its owner has changed or deleted',
    of: canBeExtended,
    observe(make) {
      const renamed = make(
        () => 0,
        (fn) => {
          Object.defineProperty(fn, 'name', { value: 'renamed' })
          Object.defineProperty(fn, 'length', { value: 7 })
        },
      ).fn
      const nameless = make(
        () => 0,
        (fn) => {
          Reflect.deleteProperty(fn, 'name')
          Reflect.deleteProperty(fn, 'length')
        },
      ).fn
      return [
        [renamed.name, renamed.length, nameless.name, nameless.length],
        ['name', 'length'].map((key) => Object.hasOwn(nameless, key)),
      ]
    },
  },
  {
    name: 'prototype chain',
    observe(make) {
      const { fn } = make(() => 0)
      const chain = []
      for (let link: unknown = fn; link !== null; link = Object.getPrototypeOf(link)) {
        chain.push([plain(link), (link as object).constructor.name, link === Function.prototype])
      }
      return [chain, fn instanceof Function, fn instanceof Object, fn.constructor.name]
    },
  },
  {
    name: 'a prototype that its owner has changed',
    of: canBeExtended,
    observe(make) {
      const parent = Object.assign(Object.create(Function.prototype) as object, { inherited: 3 })
      const { fn } = make(
        () => 0,
        (bare) => Object.setPrototypeOf(bare, parent),
      )
      const orphan = make(
        () => 0,
        (bare) => Object.setPrototypeOf(bare, null),
      ).fn
      return [
        (fn as unknown as typeof parent).inherited,
        Object.getPrototypeOf(fn) === parent,
        Object.getPrototypeOf(orphan),
      ]
    },
  },
  {
    name: 'the object in its property prototype',
    observe(make) {
      const prototype: unknown = make(() => 0).fn.prototype
      return typeof prototype === 'object' && prototype !== null
        ? [ownProperties(prototype), Object.getPrototypeOf(prototype) === Object.prototype]
        : plain(prototype)
    },
  },
  {
    name: 'whether it is frozen, sealed, extensible',
    observe: (make) =>
      [undefined, Object.freeze, Object.seal, Object.preventExtensions].map((restrict) => {
        const { fn } = make(() => 0, restrict)
        return [Object.isFrozen(fn), Object.isSealed(fn), Object.isExtensible(fn)]
      }),
  },
  {
    name: 'Object.prototype.toString and Symbol.toStringTag',
    observe(make) {
      const { fn } = make(() => 0)
      return [Object.prototype.toString.call(fn), Reflect.get(fn, Symbol.toStringTag)]
    },
  },
  {
    name: 'its source text as String and toString give it',
    observe(make) {
      const { fn } = make(() => 0)
      return [String(fn), fn.toString(), [fn].join(), ''.concat(fn as never)]
    },
  },
  {
    name: 'its source text as Function.prototype.toString gives it',
    observe(make) {
      const { fn } = make(() => 0)
      return Function.prototype.toString.call(fn) === String(fn)
    },
    differences: [
      { id: 'source-text', of: ({ isOpaque }) => !isOpaque, adjust: (_: boolean) => false },
    ],
  },
  {
    name: 'util.inspect',
    observe(make) {
      const { fn } = make(() => 0)
      return [inspect(fn), inspect({ fn }), inspect([fn])]
    },
    differences: [
      {
        id: 'function-kind',
        of: isOfOtherKind,
        adjust: (bare: string[]) =>
          bare.map((text) =>
            text.replace(/\[(\w+Function)(: \[?[\w.]+\]?| \(anonymous\))\]/, '[Function$2] $1'),
          ),
      },
    ],
  },
  {
    name: 'util.types',
    observe(make) {
      const { fn } = make(() => 0)
      const predicates = Object.entries(types).filter(([, is]) => typeof is === 'function')
      return predicates.filter(([, is]) => is(fn)).map(([predicate]) => predicate)
    },
    differences: [{ id: 'function-kind', of: isOfOtherKind, adjust: () => [] }],
  },
  {
    name: 'JSON.stringify',
    observe(make) {
      const { fn } = make(
        () => 0,
        (bare) => void Reflect.set(bare, 'toJSON', () => 'own JSON'),
      )
      return [JSON.stringify(make(() => 0).fn), JSON.stringify([fn]), JSON.stringify({ fn })]
    },
  },
  {
    name: 'structuredClone refuses it',
    observe(make) {
      const { fn } = make(() => 0)
      return [
        outcomeOf(() => structuredClone(fn), errorName),
        outcomeOf(() => structuredClone({ fn }), errorName),
      ]
    },
  },
  {
    name: 'wrapping it again gives the same',
    observe(make) {
      const { fn } = make(() => 0)
      const known = new WeakMap([[fn, 'value']])
      const set = new Set([fn, fn])
      return [known.get(fn), set.size, new Map([[fn, 1]]).get(fn), [fn].indexOf(fn)]
    },
  },
  {
    name: 'util.promisify.custom and Symbol.hasInstance of its own',
    of: canBeExtended,
    async observe(make) {
      const { fn } = make(
        () => 0,
        (bare) => {
          Object.defineProperty(bare, promisify.custom, { value: async () => 'custom' })
          Object.defineProperty(bare, Symbol.hasInstance, {
            value: (value: unknown) => value === 1,
          })
        },
      )
      const promisified = promisify<unknown>(fn as never)
      return [
        await promisified(),
        (1 as unknown as object) instanceof constructor(fn),
        {} instanceof constructor(fn),
      ]
    },
  },
  {
    name: 'properties that are set on it later',
    of: canBeExtended,
    observe(make) {
      const fn = make(() => 0).fn as unknown as Record<string, unknown>
      fn['later'] = 1
      Object.defineProperty(fn, mark, { value: 2 })
      const added = [fn['later'], Reflect.get(fn, mark), Object.keys(fn)]
      delete fn['later']
      return [added, 'later' in fn, outcomeOf(() => void (fn['name'] = 'x'), errorName)]
    },
  },
]

const EVERY_FUNCTION_HAS = ['length', 'name', 'prototype', 'arguments', 'caller', 'toString']

function isOfOtherKind({ kind, isOpaque }: Form): boolean {
  return kind !== 'sync' && !isOpaque
}

/** In sloppy mode, if it is no method. */
function hasArguments({ mode, isConstructor }: Form): boolean {
  return mode === 'sloppy' && isConstructor
}

function withPrototypeFirst(properties: [string, unknown][]): unknown {
  const late = properties.filter(([key]) => key === 'arguments' || key === 'caller')
  const others = properties.filter(([key]) => key !== 'arguments' && key !== 'caller')
  const after = others.findIndex(([key]) => key === 'prototype') + 1
  return [...others.slice(0, after), ...late, ...others.slice(after)]
}

function attributesOfOwnToString(form: string): unknown {
  const frozen = form.startsWith('frozen')
  return {
    value: '[object Function]',
    enumerable: false,
    writable: !frozen,
    configurable: !frozen && !form.startsWith('sealed'),
  }
}

export function canBeExtended({ name }: { name: string }): boolean {
  return !name.startsWith('frozen') && !name.startsWith('sealed')
}

function addProperties(fn: object): void {
  Object.assign(fn, { version: 7, [mark]: true, 12: 'index' })
  Object.defineProperty(fn, 'hidden', { value: 1, enumerable: false })
  Object.defineProperty(fn, 'fixed', { value: 1, writable: false, enumerable: true })
  Object.defineProperty(fn, 'computed', { get: () => 41 + 1, enumerable: true, configurable: true })
}

function forIn(value: object): string[] {
  const keys = []
  for (const key in value) keys.push(key)
  return keys
}

function errorName(error: unknown): unknown {
  return error instanceof Error ? error.name : plain(error)
}
