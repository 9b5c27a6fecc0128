# docker build -t switchboard .
FROM node:24-slim AS build
WORKDIR /switchboard
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev

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
