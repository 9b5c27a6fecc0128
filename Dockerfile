# docker build -t switchboard .
FROM node:24-slim AS build
WORKDIR /switchboard
COPY package.json package-lock.json .npmrc ./
COPY packages/client/package.json packages/client/
# No script of a package runs but that of Bun, which puts its program in place.
RUN npm ci --ignore-scripts --no-audit --no-fund && npm rebuild bun
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts && rm -r node_modules/@switchboard

FROM node:24-slim
WORKDIR /switchboard
ENV NODE_ENV=production
COPY --from=build /switchboard/package.json ./
COPY --from=build /switchboard/node_modules ./node_modules
COPY --from=build /switchboard/bin ./bin
COPY --from=build /switchboard/src ./src
COPY --from=build /switchboard/dist ./dist
USER node
EXPOSE 8080/tcp 3478/tcp 3478/udp
# Not through a shell: it has to hear SIGTERM, to drain. It runs the server on the Bun that npm installed.
ENTRYPOINT ["node", "bin/switchboard.mjs"]
CMD ["serve"]
