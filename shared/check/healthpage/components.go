package healthpage

import (
	"maps"
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
	"services": true, "dependencies": true, "deps": true, "connections": true, "resources": true, "indicators": true, "healthchecks": true, "systems": true,
	"providers": true, "integrations": true, "backends": true, "infrastructure": true, "infra": true, "externals": true, "upstreams": true,
}

// composites are the keys by which a component holds components of its own.
var composites = map[string]bool{"components": true, "entries": true}

// components collects what a page says of components. A cache may be something else than
// Redis, so it counts only where nothing is said of a Redis by its name.
type components struct{ redis, cache Verdict }

// page looks for components in a page, or in a container of one.
func (c *components) page(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) { // the same page, the same words
			child := value[key]
			object, _ := child.(map[string]any)
			switch name := nameOf(object); {
			case containers[compact(key)] && composed(child):
				c.page(child)
			case len(split(key)) == 0 && name != "": // a list that is written as an object
				c.component(name, child)
			default:
				c.component(key, child)
			}
		}
	case []any:
		for _, item := range value {
			object, _ := item.(map[string]any)
			if name := nameOf(object); name != "" {
				c.component(name, object)
			} else {
				c.page(item)
			}
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
	case slices.ContainsFunc(words, namesRedis):
		c.redis = c.redis.and(redis(name, value))
	case (slices.Contains(words, "cache") || slices.Contains(words, "caches")) && !elsewhere(value):
		c.cache = c.cache.and(state(name, value))
	default:
		object, _ := value.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if composites[compact(key)] && composed(object[key]) {
				c.page(object[key])
			}
		}
	}
}

// elsewhere reports whether a cache says that it is kept in files, in a database or in
// anything else that is no Redis.
func elsewhere(cache any) bool {
	object, _ := cache.(map[string]any)
	for key, value := range object {
		store, ok := value.(string)
		if ok && identityKeys[compact(key)] && (otherStores[compact(store)] || otherStores[roots.Replace(compact(store))]) || detailKeys[compact(key)] && elsewhere(value) {
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
	switch value := value.(type) {
	case bool:
		if !value {
			return Verdict{Mode: Connected, Said: quote(name, "false")}
		}
		return Verdict{Mode: Mock, Said: quote(name, "true")}
	case string:
		switch strings.ToLower(strings.TrimSpace(value)) {
		case "false", "off", "no", "0", "inactive", "disabled", "":
			return Verdict{Mode: Connected, Said: quote(name, value)}
		}
		return Verdict{Mode: Mock, Said: quote(name, value)}
	case map[string]any:
		if value["enabled"] != false && value["active"] != false {
			return Verdict{Mode: Mock, Said: quote("component", name)}
		}
	}
	return Verdict{}
}

// Keys of a component, in the form of compact.
var (
	statusKeys   = set("status state outcome health")
	identityKeys = set("mode client driver type backend store storage adapter engine provider implementation library class kind")
	// mockFlags say so where they are true.
	mockFlags = set(`mock mockmode mocked ismock usingmock mockactive mockredis fake inmemory isinmemory fallback usingfallback fallbackactive`)
	// stateFlags have node-redis' isReady and isOpen among them.
	stateFlags = set("connected isconnected ok healthy ishealthy success up isup available isavailable ready isready isopen alive reachable online pong")
	// answerKeys have what Redis or a client last said.
	answerKeys = set("ping connection response result value")
	// realKeys may name the real thing.
	realKeys = set("mode backend driver store")
)

// detailKeys hold more about the component itself.
var detailKeys = set("details data meta metadata info context config")

// state reads what a component says of itself.
func state(name string, value any) Verdict {
	switch value := value.(type) {
	case string:
		if slices.ContainsFunc(split(name), func(w string) bool { return settingWords[w] }) {
			return Verdict{}
		}
		return word(name, value)
	case bool:
		for _, w := range split(name) {
			if !namesRedis(w) && w != "cache" && !flagWords[w] {
				return Verdict{} // a setting such as redis_tls
			}
		}
		return flag(name, value)
	}
	return inside(value, true)
}

// inside reads the object of a component, or its list of objects, such as one for each
// node. A mock anywhere in it counts most, then its own status, then what lies below.
// about says that the object is about the component, not about a part of it.
func inside(value any, about bool) Verdict {
	var v Verdict
	if list, ok := value.([]any); ok {
		for _, item := range list {
			v = v.and(inside(item, about))
		}
		return v
	}
	object, _ := value.(map[string]any)
	var own, below, unmocked Verdict
	stated := false
	for _, key := range slices.Sorted(maps.Keys(object)) {
		k := compact(key)
		switch child := object[key].(type) {
		case string:
			switch {
			case mockFlags[k] && strings.EqualFold(child, "true"):
				own = own.and(Verdict{Mode: Mock, Said: quote(key, child)})
			case statusKeys[k]:
				stated = true
				own = own.and(word(key, child))
			case identityKeys[k] && (fakeName(child) || about && fakeClient(child)):
				own = own.and(Verdict{Mode: Mock, Said: quote(key, child)})
			case stateFlags[k] && (strings.EqualFold(child, "true") || strings.EqualFold(child, "false")):
				own = own.and(flag(key, strings.EqualFold(child, "true")))
			case answerKeys[k] || realKeys[k] && realWords[compact(child)]:
				below = below.and(word(key, child))
			case k == "error" && child != "":
				below = below.and(Verdict{Mode: Failing, Said: quote(key, child)})
			}
		case bool:
			switch {
			case mockFlags[k] && child:
				own = own.and(Verdict{Mode: Mock, Said: quote(key, "true")})
			case mockFlags[k]:
				unmocked = Verdict{Mode: Connected, Said: quote(key, "false")}
			case stateFlags[k], statusKeys[k]:
				own = own.and(flag(key, child))
			}
		default:
			if about && detailKeys[k] {
				own = own.and(inside(child, true))
			} else {
				below = below.and(inside(child, false))
			}
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

func flag(key string, on bool) Verdict {
	if on {
		return Verdict{Mode: Connected, Said: quote(key, "true")}
	}
	return Verdict{Mode: Failing, Said: quote(key, "false")}
}
