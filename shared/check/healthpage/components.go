package healthpage

import (
	"slices"
	"strings"
)

// containers are the keys under which the formats keep their components. Each holds a map
// by name, or a list of items with names.
var containers = map[string]bool{
	"components": true, "details": true, // Spring Boot 2.2 and later, before
	"info": true, "error": true, // NestJS Terminus, beside details
	"checks":  true,                  // IETF health+json, MicroProfile
	"entries": true, "results": true, // ASP.NET Core: the UI's writer, the documentation's
	"checkresults": true,                                                 // Laravel
	"data":         true, "result": true, "health": true, "status": true, // plain wrappers
	"entities": true, // fastapi-healthcheck
	"services": true, "dependencies": true, "deps": true, "connections": true, "resources": true, "indicators": true, "healthchecks": true, "systems": true,
	"providers": true, "integrations": true, "backends": true, "infrastructure": true, "infra": true, "externals": true, "upstreams": true,
	"system": true, "subsystems": true, "modules": true, "stores": true, "readiness": true, "probes": true, "report": true, "response": true, "payload": true, "body": true,
}

// composites are the keys by which a component holds components of its own.
var composites = map[string]bool{"components": true, "entries": true}

// components collects what a page says of components. A cache may be something else than
// Redis, so it counts only where nothing is said of a Redis by its name.
type components struct{ redis, cache Verdict }

// page looks for components in a page, or in a container of one.
func (c *components) page(value any) {
	if list, ok := value.([]any); ok {
		for _, item := range list {
			if name := nameOf(item); name != "" {
				c.component(name, item)
			} else {
				c.page(item)
			}
		}
	}
	for key, child := range fields(value) {
		switch name := nameOf(child); {
		case containers[compact(key)] && composed(child):
			c.page(child)
		case len(split(key)) == 0 && name != "": // a list that is written as an object
			c.component(name, child)
		default:
			c.component(key, child)
		}
	}
}

func composed(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// component reads one component, if it is named so that it counts. Of another only the
// components that it is composed of are looked at.
func (c *components) component(name string, value any) {
	switch words := split(name); {
	case slices.ContainsFunc(words, func(w string) bool { return figureWords[w] }): // such as Laravel's RedisMemoryUsage
	case slices.ContainsFunc(words, namesRedis):
		c.redis = c.redis.and(redis(name, value))
	case (slices.Contains(words, "cache") || slices.Contains(words, "caches")) && !elsewhere(value):
		c.cache = c.cache.and(state(name, value))
		for key, child := range fields(value) { // a cache of several layers
			if slices.ContainsFunc(split(key), namesRedis) {
				c.component(key, child)
			}
		}
	default:
		for key, child := range fields(value) {
			if composites[compact(key)] {
				c.page(child)
			}
		}
	}
}

// elsewhere reports whether a cache says that it is kept in files, in a database or in
// anything else that is no Redis.
func elsewhere(cache any) bool {
	for key, value := range fields(cache) {
		k, store := compact(key), ""
		if text, ok := value.(string); ok {
			store = compact(text)
		}
		if identityKeys[k] && (otherStores[store] || otherStores[roots.Replace(store)]) || detailKeys[k] && elsewhere(value) {
			return true
		}
	}
	return false
}

// redis reads a component whose name has redis or upstash in it, which may be a fake's.
func redis(name string, value any) Verdict {
	if !fakeName(name) {
		return state(name, value)
	}
	if text, _, ok := scalar(value); ok {
		if offWords[strings.ToLower(strings.TrimSpace(text))] {
			return Verdict{Mode: Connected, Said: quote(name, text)}
		}
		return Verdict{Mode: Mock, Said: quote(name, text)}
	}
	if object, ok := value.(map[string]any); ok && object["enabled"] != false && object["active"] != false {
		return Verdict{Mode: Mock, Said: quote("component", name)}
	}
	return Verdict{}
}

// Keys of a component, in the form of compact.
var (
	statusKeys   = set("status state outcome health statusname connectionstatus connectionstate")
	identityKeys = set(`mode client driver type backend store storage adapter engine provider implementation impl library class kind using
		clienttype drivertype backendtype storetype storagetype cachetype providertype`)
	// stateFlags have node-redis' isReady and isOpen among them.
	stateFlags = set("connected isconnected ok healthy ishealthy success passed up isup available isavailable ready isready isopen alive reachable online pong")
	// answerKeys have what Redis or a client last said.
	answerKeys = set("ping connection response result value")
	// realKeys may name the real thing.
	realKeys = set("mode backend driver store")
)

// detailKeys hold more about the component itself.
var detailKeys = set("details data meta metadata info context config")

// state reads what a component says of itself.
func state(name string, value any) Verdict {
	text, isFlag, ok := scalar(value)
	if !ok {
		return inside(value, true)
	}
	for _, w := range split(name) {
		if isFlag && !namesRedis(w) && w != "cache" && !flagWords[w] || !isFlag && settingWords[w] {
			return Verdict{} // a setting such as redis_tls
		}
	}
	if isFlag {
		return flag(name, text)
	}
	return word(name, text)
}

// inside reads the object of a component, or its list of objects, such as one for each
// node. A mock anywhere in it counts most, then its own status, then what lies below.
// about says that the object is about the component, not about a part of it.
func inside(value any, about bool) Verdict {
	var own, below, unmocked Verdict
	if list, ok := value.([]any); ok {
		for _, item := range list {
			own = own.and(inside(item, about))
		}
		return own
	}
	stated := false
	for key, child := range fields(value) {
		k := compact(key)
		text, isFlag, ok := scalar(child)
		truth := strings.ToLower(text)
		switch {
		case !ok && standsIn(key):
			own = own.and(inUse(key, child))
		case !ok && slices.ContainsFunc(split(key), func(w string) bool { return pastWords[w] }):
		case !ok && about && detailKeys[k]:
			own = own.and(inside(child, true))
		case !ok:
			below = below.and(inside(child, false))
		case standsIn(key) && truth == "true":
			own = own.and(Verdict{Mode: Mock, Said: quote(key, text)})
		case standsIn(key) && isFlag:
			unmocked = Verdict{Mode: Connected, Said: quote(key, text)}
		case statusKeys[k] && !isFlag:
			stated = true
			own = own.and(word(key, text))
		case identityKeys[k] && !isFlag && (fakeName(text) || about && fakeClient(text)):
			own = own.and(Verdict{Mode: Mock, Said: quote(key, text)})
		case (stateFlags[k] || statusKeys[k]) && (truth == "true" || truth == "false"):
			own = own.and(flag(key, truth))
		case isFlag:
		case answerKeys[k] || realKeys[k] && realWords[compact(text)]:
			below = below.and(word(key, text))
		case k == "error" && text != "":
			below = below.and(Verdict{Mode: Failing, Said: quote(key, text)})
		}
	}
	switch {
	case own.Mode == Mock, below.Mode == Mock:
		return own.and(below)
	case own.Mode != Unclear, stated:
		return own
	case below.Mode != Unclear:
		return below
	}
	return unmocked
}

// inUse reads what a component says of its stand-in, which counts only while that is in use.
func inUse(key string, standIn any) Verdict {
	object, _ := standIn.(map[string]any)
	if object["active"] == true || object["enabled"] == true && !slices.Contains(split(key), "fallback") {
		return Verdict{Mode: Mock, Said: quote("component", key)}
	}
	return Verdict{}
}

// flag reads a flag that is true where all is well.
func flag(key, truth string) Verdict {
	if truth == "true" {
		return Verdict{Mode: Connected, Said: quote(key, truth)}
	}
	return Verdict{Mode: Failing, Said: quote(key, truth)}
}
