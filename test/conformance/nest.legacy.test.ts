/**
 * An application of NestJS runs unchanged, whatever of it is captured: controllers, guards, pipes, interceptors, filters,
 * providers; members and whole classes; above and below Nest's own decorators.
 */
import 'reflect-metadata'
import {
  Body,
  Catch,
  Controller,
  createParamDecorator,
  Get,
  Header,
  HttpCode,
  HttpException,
  Inject,
  Injectable,
  Module,
  Param,
  ParseIntPipe,
  Post,
  Query,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common'
import { NestFactory, Reflector } from '@nestjs/core'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { capture, metrics, type CaptureDecorator } from 'kronicler'
import { map, type Observable } from 'rxjs'
import { expect, test } from 'vitest'
import { BARE } from './kits.ts'
import { recordInTemporaryDirectory } from './recording.ts'

recordInTemporaryDirectory()

interface Answer {
  status: number
  body: unknown
  type: unknown
  powered: unknown
}

/** Decorators by what they stand on, so that one application can be made with any of them captured. */
interface Captures {
  member: CaptureDecorator
  whole: CaptureDecorator
}

const KEY = 'roles'
const Roles = (...roles: string[]) => SetMetadata(KEY, roles)
const User = createParamDecorator((field: string, context) => {
  const request = context.switchToHttp().getRequest() as { headers: Record<string, string> }
  return request.headers[field]
})

function makeApplication({ member, whole }: Captures): object {
  @whole
  @Injectable()
  class OrdersService {
    readonly #orders = new Map([[1, { id: 1, text: 'first' }]])

    @member
    async find(id: number): Promise<object> {
      await Promise.resolve()
      const order = this.#orders.get(id)
      if (order === undefined) throw new HttpException('no such order', 404)
      return order
    }

    @member
    add(text: string): object {
      const id = this.#orders.size + 1
      this.#orders.set(id, { id, text })
      return this.#orders.get(id)!
    }

    @member
    get count(): number {
      return this.#orders.size
    }
  }

  @whole
  @Injectable()
  class RolesGuard {
    readonly reflector: Reflector

    constructor(@Inject(Reflector) reflector: Reflector) {
      this.reflector = reflector
    }

    @member
    canActivate(context: {
      getHandler: () => () => void
      switchToHttp: () => { getRequest: () => unknown }
    }): boolean {
      const roles = this.reflector.get<string[] | undefined>(KEY, context.getHandler())
      const { headers } = context.switchToHttp().getRequest() as { headers: Record<string, string> }
      return roles === undefined || roles.includes(headers['role'] ?? '')
    }
  }

  @whole
  @Injectable()
  class TrimPipe {
    @member
    transform(value: unknown): unknown {
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(
        Object.entries(value).map(([key, text]) => [
          key,
          typeof text === 'string' ? text.trim() : text,
        ]),
      )
    }
  }

  @whole
  @Injectable()
  class EnvelopeInterceptor {
    @member
    intercept(_context: unknown, next: { handle: () => Observable<unknown> }): unknown {
      return next.handle().pipe(map((data) => ({ data })))
    }
  }

  @whole
  @Catch(RangeError)
  class RangeFilter {
    @member
    catch(error: RangeError, host: { switchToHttp: () => { getResponse: () => unknown } }): void {
      const response = host.switchToHttp().getResponse() as {
        status: (code: number) => { send: (body: unknown) => void }
      }
      response.status(422).send({ range: error.message })
    }
  }

  @whole
  @Controller('orders')
  @UseGuards(RolesGuard)
  @UseInterceptors(EnvelopeInterceptor)
  class OrdersController {
    readonly orders: OrdersService
    readonly greeting: () => Promise<string>

    constructor(
      @Inject(OrdersService) orders: OrdersService,
      @Inject('greeting') greeting: () => Promise<string>,
    ) {
      this.orders = orders
      this.greeting = greeting
    }

    // below Nest's own: they see the captured method
    @Get('count')
    @Header('x-powered-by', 'nest')
    @member
    count(): number {
      return this.orders.count
    }

    // above them: what they have noted of the method has to come along
    @member
    @Get('greeting')
    @Roles('friend')
    async greet(@Query('name') name: string, @User('role') role: string): Promise<string> {
      return `${await this.greeting()} ${name} the ${role}`
    }

    @Get('range')
    @member
    @UseFilters(RangeFilter)
    range(): never {
      throw new RangeError('out of it')
    }

    @member
    @Get(':id')
    async find(@Param('id', ParseIntPipe) id: number): Promise<object> {
      return this.orders.find(id)
    }

    @Post()
    @member
    @HttpCode(202)
    @UsePipes(TrimPipe)
    add(@Body() body: { text: string }): object {
      return this.orders.add(body.text)
    }
  }

  @Module({
    controllers: [OrdersController],
    providers: [
      OrdersService,
      RolesGuard,
      {
        provide: 'greeting',
        useFactory: (orders: OrdersService) => async () => `hello ${orders.count},`,
        inject: [OrdersService],
      },
    ],
  })
  class ShopModule {}

  return ShopModule
}

async function answersOf(captures: Captures): Promise<Answer[]> {
  const application = await NestFactory.create<NestFastifyApplication>(
    makeApplication(captures) as never,
    new FastifyAdapter(),
    { logger: false },
  )
  await application.init()
  const requests = [
    { method: 'GET', url: '/orders/count' },
    { method: 'GET', url: '/orders/1' },
    { method: 'GET', url: '/orders/7' },
    { method: 'GET', url: '/orders/seven' },
    { method: 'GET', url: '/orders/greeting?name=you' },
    { method: 'GET', url: '/orders/greeting?name=you', headers: { role: 'friend' } },
    { method: 'POST', url: '/orders', payload: { text: '  second ' } },
    { method: 'GET', url: '/orders/2' },
    { method: 'GET', url: '/orders/range' },
    { method: 'GET', url: '/nothing' },
  ] as const
  const answers = []
  for (const request of requests) {
    const { statusCode, headers, body } = await application.inject(request)
    answers.push({
      status: statusCode,
      body: JSON.parse(body),
      type: headers['content-type'],
      powered: headers['x-powered-by'],
    })
  }
  await application.close()
  return answers
}

const nothing = BARE.wrap

test('the bare application answers as it should', async () => {
  const answers = await answersOf({ member: nothing, whole: nothing })
  expect(answers.map(({ status }) => status)).toEqual([
    200, 200, 404, 400, 403, 200, 202, 200, 422, 404,
  ])
})

test.each<[string, Captures]>([
  ['every member', { member: capture, whole: nothing }],
  ['every class', { member: nothing, whole: capture }],
  ['both', { member: capture, whole: capture }],
  [
    'with all options',
    {
      member: capture({ attributes: (args) => ({ args: args.length }), parent: true, sample: 0.5 }),
      whole: nothing,
    },
  ],
])('captured it answers the same: %s', async (_, captures) => {
  const before = calls()
  expect(await answersOf(captures)).toEqual(await answersOf({ member: nothing, whole: nothing }))
  expect(calls() - before).toBeGreaterThan(15)
})

function calls(): number {
  return [...metrics()].reduce((sum, [, metric]) => sum + metric.calls, 0)
}
