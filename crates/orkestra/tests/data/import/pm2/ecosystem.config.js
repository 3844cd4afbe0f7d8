const port = 3000 + 1;

module.exports = {
  apps: [
    {
      name: 'api',
      script: 'server.sh',
      interpreter: 'sh',
      env: { PORT: port },
      kill_timeout: 2000,
    },
  ],
};
