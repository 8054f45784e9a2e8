package gcp

// Function is what Deployed returns, without a configuration.
var Function = function
