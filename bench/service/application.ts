/**
 * @module bench/service/application
 * A web shop, as small as can be but with the work that such programs do: JSON in and out, a template, a search, prices, and
 * a store that answers in a later turn of the event loop. Who measures it gives `measure`, which every function worth
 * knowing about goes through.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Eta } from 'eta'
import fastify, { type FastifyInstance } from 'fastify'
import { createRandom } from '../harness/random.ts'

/** Returns a function that does the same, and is measured. */
export type Measure = <F extends (...args: never[]) => unknown>(name: string, fn: F) => F

interface Product {
  id: number
  name: string
  description: string
  priceCents: number
  tags: string[]
}

interface OrderLine {
  product: number
  quantity: number
}

interface PricedLine extends OrderLine {
  cents: number
}

export const PRODUCTS = 2000
export const SEARCH_WORDS = ['red', 'small', 'steel', 'lamp', 'garden', 'soft', 'chair', 'light']

const ADJECTIVES = ['red', 'blue', 'small', 'large', 'soft', 'light', 'heavy', 'old']
const MATERIALS = ['steel', 'oak', 'wool', 'glass', 'paper', 'stone', 'linen', 'copper']
const THINGS = ['lamp', 'chair', 'garden gnome', 'table', 'cup', 'clock', 'basket', 'shelf']
const FOUND = 20
const RELATED = 8
const VAT = 0.19

const TEMPLATE = `<!doctype html><title><%= it.product.name %></title><h1><%= it.product.name %></h1>
<p><%= it.product.description %></p><p>Price: <%= it.price %></p>
<ul><% for (const tag of it.product.tags) { %><li><%= tag %></li><% } %></ul><h2>Others have looked at</h2>
<ol><% for (const one of it.related) { %><li><a href="/products/<%= one.id %>"><%= one.name %></a>, <%= one.price %></li><% } %></ol>`

export function createApplication(measure: Measure): FastifyInstance {
  const products = seedProducts()
  const stock = new Map(products.map(({ id }) => [id, 1_000_000_000]))
  const template = new Eta({ autoTrim: false }).compile(TEMPLATE)
  const eta = new Eta()
  let orders = 0

  const formatPrice = (cents: number): string => `€ ${(cents / 100).toFixed(2)}`

  const loadProduct = measure('loadProduct', async (id: number) => {
    await nextTurn() // a database would take longer
    return products[id]
  })

  const findRelated = measure('findRelated', (product: Product) =>
    products
      .slice(0, 200)
      .map((other) => ({ other, shared: other.tags.filter((tag) => product.tags.includes(tag)) }))
      .sort((a, b) => b.shared.length - a.shared.length)
      .slice(0, RELATED)
      .map(({ other }) => other),
  )

  const renderProduct = measure('renderProduct', (product: Product, related: Product[]) =>
    eta.render(template, {
      product,
      price: formatPrice(product.priceCents),
      related: related.map((one) => ({ ...one, price: formatPrice(one.priceCents) })),
    }),
  )

  const showProduct = measure('showProduct', async (id: number) => {
    const product = await loadProduct(id)
    return product === undefined ? undefined : renderProduct(product, findRelated(product))
  })

  const search = measure('search', (query: string) => {
    const words = query.toLowerCase().split(' ')
    return products.filter(({ name }) => words.every((word) => name.includes(word)))
  })

  const listProducts = measure('listProducts', async (query: string, page: number) => {
    await nextTurn()
    const found = search(query)
    return { total: found.length, products: found.slice(page * FOUND, (page + 1) * FOUND) }
  })

  const validateOrder = measure('validateOrder', (body: unknown): OrderLine[] => {
    const { lines } = body as { lines?: OrderLine[] }
    if (!Array.isArray(lines) || lines.length === 0) throw new TypeError('an order has lines')
    for (const { product, quantity } of lines) {
      if (!Number.isInteger(product) || !(quantity > 0)) throw new TypeError('not a line')
    }
    return lines
  })

  const priceLine = measure('priceLine', ({ product, quantity }: OrderLine): PricedLine => {
    const net = products[product]!.priceCents * quantity * (quantity >= 10 ? 0.9 : 1)
    return { product, quantity, cents: Math.round(net * (1 + VAT)) }
  })

  const reserve = measure('reserve', async (lines: PricedLine[]) => {
    await nextTurn()
    for (const { product, quantity } of lines) stock.set(product, stock.get(product)! - quantity)
  })

  const placeOrder = measure('placeOrder', async (body: unknown) => {
    const lines = validateOrder(body).map((line) => priceLine(line))
    await reserve(lines)
    return { order: ++orders, totalCents: lines.reduce((sum, { cents }) => sum + cents, 0), lines }
  })

  const app = fastify()
  app.get('/products/:id', async (request, reply) => {
    const { id } = request.params as { id: string }
    const html = await showProduct(Number(id))
    return html === undefined ? reply.code(404).send() : reply.type('text/html').send(html)
  })
  app.get('/products', async (request) => {
    const { q = '', page = '0' } = request.query as { q?: string; page?: string }
    return listProducts(q, Number(page))
  })
  app.post('/orders', async (request, reply) =>
    reply.code(201).send(await placeOrder(request.body)),
  )
  return app
}

function seedProducts(): Product[] {
  const random = createRandom(11)
  const pick = (words: readonly string[]): string => words[random.below(words.length)]!
  return Array.from({ length: PRODUCTS }, (_, id) => {
    const tags = [pick(ADJECTIVES), pick(MATERIALS), pick(THINGS)]
    return {
      id,
      name: tags.join(' '),
      description: `A ${tags[0]} ${tags[2]} made of ${tags[1]}. `.repeat(8),
      priceCents: 100 + random.below(100_000),
      tags,
    }
  })
}
