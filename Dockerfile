# One image for every process of Countersign; the command chooses which: `node dist/apps/<process>/main.js`.

FROM node:24.11.1-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Not `npm ci`: see docs/adr (npm install). Without install scripts: no package of ours needs one to run.
RUN npm install --include=dev --ignore-scripts --no-audit --no-fund
COPY tsconfig.base.json tsconfig.json ./
COPY scripts scripts
COPY src src
COPY activities activities
COPY workflows workflows
COPY apps apps
COPY bench bench
COPY policies policies
RUN node scripts/build.mjs

# The development identity provider needs development packages. For demonstrations only.
FROM build AS devstack
ENV NODE_ENV=development
# node, by number: Kubernetes can't tell from a name that it is not root.
USER 1000
CMD ["node", "dist/apps/devstack/oidc-main.js"]

FROM build AS production
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf dist/bench dist/*.tsbuildinfo

FROM node:24.11.1-slim AS process
ENV NODE_ENV=production
WORKDIR /app
# For ssh.command. OpenTofu is not in the image: add it in one of your own where infra.apply is used.
# Not pinned: the distribution keeps the newest only, with its security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends openssh-client \
  && rm -rf /var/lib/apt/lists/*
COPY --from=production --chown=root:root /app/package.json ./
COPY --from=production --chown=root:root /app/node_modules node_modules
COPY --from=production --chown=root:root /app/dist dist
COPY --from=production --chown=root:root /app/policies policies
# A new volume takes its owner from the folder it is mounted on.
RUN for folder in /var/lib/countersign/artefacts /run/countersign \
      /install/admin /install/root /install/place /install/gateway /install/worker /install/executor /install/notary; do \
      install --directory --owner=node --group=node --mode=0700 "$folder"; \
    done
# node, by number: Kubernetes can't tell from a name that it is not root.
USER 1000
CMD ["node", "dist/apps/gateway/main.js"]
