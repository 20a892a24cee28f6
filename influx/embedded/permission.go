package embedded

import (
	"fmt"
	"slices"
)

// Actions of a permission.
const (
	actionRead  = "read"
	actionWrite = "write"
)

// Resource types that this database has something for.
const (
	typeAuthorizations = "authorizations"
	typeBuckets        = "buckets"
	typeOrgs           = "orgs"
	typeUsers          = "users"
)

// resourceTypes are all types of InfluxDB 2.x; a permission for another one is refused.
func resourceTypes() []string {
	return []string{
		typeAuthorizations, typeBuckets, "dashboards", typeOrgs, "sources", "tasks", "telegrafs", typeUsers,
		"variables", "scrapers", "secrets", "labels", "views", "documents", "notificationRules",
		"notificationEndpoints", "checks", "dbrp", "notebooks", "annotations", "remotes", "replications",
		"instance", "flows", "functions",
	}
}

// permission is the right to do something to one resource, to all of a type in
// an organisation, or to all of a type.
type permission struct {
	Action   string   `json:"action"`
	Resource resource `json:"resource"`
}

type resource struct {
	Type  string `json:"type"`
	ID    string `json:"id,omitempty"`
	OrgID string `json:"orgID,omitempty"`
	Name  string `json:"name,omitempty"`
	Org   string `json:"org,omitempty"`
}

func (p permission) String() string {
	s := p.Action + ":"
	if p.Resource.OrgID != "" {
		s += "orgs/" + p.Resource.OrgID + "/"
	}
	s += p.Resource.Type
	if p.Resource.ID != "" {
		s += "/" + p.Resource.ID
	}
	return s
}

// validate checks a permission that came from outside.
func (p permission) validate() error {
	if p.Action != actionRead && p.Action != actionWrite {
		return errInvalid("unknown action %q in permission", p.Action)
	}
	if !slices.Contains(resourceTypes(), p.Resource.Type) {
		return errInvalid("unknown resource type %q in permission", p.Resource.Type)
	}
	for what, id := range map[string]string{"id": p.Resource.ID, "orgID": p.Resource.OrgID} {
		if id != "" && !validID(id) {
			return errInvalid("invalid %s in permission: %q", what, id)
		}
	}
	return nil
}

// covers tells whether holding p gives the wanted permission: p is at least as
// wide. A right to one resource never covers a right to all of its type.
func (p permission) covers(want permission) bool {
	if p.Action != want.Action || p.Resource.Type != want.Resource.Type {
		return false
	}
	if p.Resource.ID != "" && p.Resource.ID != want.Resource.ID {
		return false
	}
	return p.Resource.OrgID == "" || p.Resource.OrgID == want.Resource.OrgID
}

// operatorPermissions are all permissions of all organisations: what the token of the setup gets.
func operatorPermissions() []permission {
	var out []permission
	for _, t := range resourceTypes() {
		for _, action := range []string{actionRead, actionWrite} {
			out = append(out, permission{Action: action, Resource: resource{Type: t}})
		}
	}
	return out
}

// allows tells whether the authorization permits the action on one resource of
// an organisation, or, with an empty id, on all of the type there.
func (a *authorization) allows(action, resourceType, orgID, id string) bool {
	want := permission{Action: action, Resource: resource{Type: resourceType, OrgID: orgID, ID: id}}
	for _, p := range a.Permissions {
		if p.covers(want) {
			return true
		}
	}
	return false
}

// allAccess tells whether the authorization is for all buckets of an organisation, those to come included.
func (a *authorization) allAccess(orgID string) bool {
	return a.allows(actionRead, typeBuckets, orgID, "") && a.allows(actionWrite, typeBuckets, orgID, "")
}

// require is allows as an error, worded as InfluxDB 2.x does.
func (a *authorization) require(action, resourceType, orgID, id string) error {
	if a.allows(action, resourceType, orgID, id) {
		return nil
	}
	want := permission{Action: action, Resource: resource{Type: resourceType, OrgID: orgID, ID: id}}
	return errUnauthorized("%s is unauthorized", fmt.Stringer(want))
}
