// amqplib, as Node programs use RabbitMQ. Prints one line for each thing it saw.
const amqp = require("amqplib");

async function main() {
  const url = process.argv[2];
  const connection = await amqp.connect(url);
  const channel = await connection.createConfirmChannel();
  const name = `node-${process.pid}`;

  const made = await channel.assertQueue(name, { durable: true, maxPriority: 5, messageTtl: 600000 });
  console.log("declared:", made.messageCount, made.consumerCount);
  for (let at = 0; at < 5; at += 1) {
    channel.sendToQueue(name, Buffer.from(`job ${at}`), {
      persistent: true, priority: at, headers: { n: at, half: 0.5, deep: { list: [1, "two"] } },
    });
  }
  await channel.waitForConfirms();

  await channel.prefetch(2);
  const jobs = [];
  let cancelled = false;
  await new Promise((resolve) => {
    channel.consume(name, (message) => {
      if (message === null) {
        cancelled = true;
        return;
      }
      if (message.content.toString() === "job 3" && !message.fields.redelivered) {
        channel.nack(message);
        return;
      }
      jobs.push(message.content.toString());
      channel.ack(message);
      if (jobs.length === 5) {
        console.log("headers:", JSON.stringify(message.properties.headers));
        resolve();
      }
    });
  });
  console.log("jobs:", jobs.sort().join(", "));

  const returned = new Promise((resolve) => channel.once("return", resolve));
  channel.publish("", "nobody-there", Buffer.from("lost"), { mandatory: true });
  console.log("returned:", (await returned).fields.replyText);

  await channel.assertExchange(`${name}-logs`, "topic", { durable: false, autoDelete: true });
  const mine = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(mine.queue, `${name}-logs`, "*.error");
  channel.publish(`${name}-logs`, "disk.error", Buffer.from("full"));
  channel.publish(`${name}-logs`, "disk.info", Buffer.from("fine"));
  await channel.waitForConfirms();
  const got = await channel.get(mine.queue, { noAck: true });
  console.log("got:", got.content.toString(), await channel.get(mine.queue, { noAck: true }));

  await channel.consume("amq.rabbitmq.reply-to", (answer) => {
    console.log("answer:", answer.content.toString(), answer.properties.correlationId);
  }, { noAck: true });
  const server = await connection.createChannel();
  const asked = await server.assertQueue("", { exclusive: true });
  const answered = new Promise((resolve) => {
    server.consume(asked.queue, (request) => {
      const { replyTo, correlationId } = request.properties;
      server.sendToQueue(replyTo, Buffer.from("5"), { correlationId });
      server.ack(request);
      resolve();
    });
  });
  channel.sendToQueue(asked.queue, Buffer.from("2 + 3"), {
    replyTo: "amq.rabbitmq.reply-to", correlationId: "c-1",
  });
  await answered;
  await channel.checkQueue(asked.queue);

  const other = await connection.createChannel();
  const failed = new Promise((resolve) => other.once("error", resolve));
  await other.checkQueue("missing").catch((error) => error);
  console.log("error:", (await failed).code);

  console.log("deleted:", (await channel.deleteQueue(name)).messageCount);
  await channel.checkExchange("amq.direct");
  console.log("told:", cancelled);
  await connection.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
