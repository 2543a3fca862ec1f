// Forms in sloppy mode: a module of TypeScript or of ESM is always strict.
/* eslint-disable no-unused-vars -- the parameters' names and number are what counts */

exports.declaration = function (body, { wrap }) {
  function sloppy(first, second) {
    const parameters = [first, second]
    return body({ self: this, args: [...arguments], parameters, newTarget: new.target })
  }
  return wrap(sloppy)
}

exports.expression = function (body, { wrap }) {
  return wrap(function (first, second) {
    const parameters = [first, second]
    return body({ self: this, args: [...arguments], parameters, newTarget: new.target })
  })
}

exports.asynchronous = function (body, { wrap }) {
  return wrap(async function sloppyAsync(first, second) {
    const parameters = [first, second]
    return body({ self: this, args: [...arguments], parameters, newTarget: new.target })
  })
}

exports.generator = function (body, { wrap }) {
  return wrap(function* sloppyItems(first, second) {
    const parameters = [first, second]
    const result = body({ self: this, args: [...arguments], parameters, newTarget: new.target })
    const sent = yield result
    return sent ?? result
  })
}

exports.method = function (body, { wrap }) {
  const holder = {
    sloppyMethod(first, second) {
      const parameters = [first, second]
      return body({ self: this, args: [...arguments], parameters, newTarget: new.target })
    },
  }
  holder.sloppyMethod = wrap(holder.sloppyMethod)
  return holder
}

/** What a function can see of itself and of its arguments in sloppy mode only. */
exports.mapped = function (wrap) {
  return wrap(function mapped(first) {
    arguments[0] = 'changed'
    const changed = first
    first = 'again'
    return [changed, first, arguments[0], Object.prototype.toString.call(arguments)]
  })
}

exports.callee = function (wrap) {
  return wrap(function callee() {
    return arguments.callee
  })
}

exports.ownArguments = function (wrap) {
  const fn = wrap(function ownArguments(argument) {
    return fn.arguments === null ? null : [...fn.arguments]
  })
  return fn
}
