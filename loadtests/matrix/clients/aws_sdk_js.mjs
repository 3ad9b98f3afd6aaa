// One action of the AWS SDK for JavaScript v3: node aws_sdk_js.mjs MODULES BUCKET ACTION ARGUMENT...
// MODULES is the folder that has the SDK in its node_modules; endpoint, keys and region are in the variables that the SDK knows.
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, Bucket, action, ...given] = process.argv.slice(2);
const require = createRequire(join(modules, "package.json"));
const { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client, paginateListObjectsV2 } = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const client = new S3Client({ forcePathStyle: true });

async function read(file, asked) {
  const answer = await client.send(new GetObjectCommand({ Bucket, ...asked }));
  await writeFile(file, await answer.Body.transformToByteArray());
}

const actions = {
  async put(Key, file) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: await readFile(file) }));
  },
  async get(Key, file) {
    await read(file, { Key });
  },
  async range(Key, first, last, file) {
    await read(file, { Key, Range: `bytes=${first}-${last}` });
  },
  async list(Prefix) {
    const keys = [];
    for await (const page of paginateListObjectsV2({ client }, { Bucket, Prefix })) {
      keys.push(...(page.Contents ?? []).map((entry) => entry.Key));
    }
    process.stdout.write(JSON.stringify(keys));
  },
  async multipart(Key, file, partSize) {
    await new Upload({ client, partSize: Number(partSize), params: { Bucket, Key, Body: await readFile(file) } }).done();
  },
  async delete(Key) {
    await client.send(new DeleteObjectCommand({ Bucket, Key }));
  },
  async presign(Key, seconds) {
    process.stdout.write(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), { expiresIn: Number(seconds) }));
  },
};

try {
  await actions[action](...given);
} catch (error) {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
}
