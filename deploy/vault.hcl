# Vault of docker-compose.yml. Without TLS, because only the compose network and loopback reach it: not for production.
storage "raft" {
  path    = "/vault/file"
  node_id = "vault"
}
listener "tcp" {
  address     = "0.0.0.0:8200"
  tls_disable = true
}
api_addr      = "http://vault:8200"
cluster_addr  = "https://vault:8201"
disable_mlock = true
ui            = false
