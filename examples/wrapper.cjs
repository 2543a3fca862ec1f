// CommonJS, and the three ways to name what is captured. Everything else about the function stays as it was.
const assert = require('node:assert/strict')
const { capture, getMetrics } = require('kronicler')

function area(width, height) {
  return width * height
}

const byItsName = capture(area)
const byText = capture('rectangle', (width, height) => width * height)
const byOptions = capture((side) => side * side, { name: 'square' })

assert.equal(byItsName(2, 3) + byText(4, 5) + byOptions(6), 62)
assert.equal(byItsName.name, 'area')
assert.equal(byItsName.length, 2)
assert.equal(capture(byItsName), byItsName, 'wrapping twice gives the same wrapper')

// `this` is passed on, so methods can be captured where they stand.
const basket = {
  prices: [3, 4],
  total: capture('basket.total', function () {
    return this.prices.reduce((sum, price) => sum + price, 0)
  }),
}
assert.equal(basket.total(), 7)

for (const name of ['area', 'rectangle', 'square', 'basket.total']) {
  assert.equal(getMetrics(name).calls, 1)
  console.log(`${name}: ${getMetrics(name).calls} call`)
}
