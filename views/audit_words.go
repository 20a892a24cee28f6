package views

import "iotcenter/people"

// ActionWords is an action of the audit log for people, as a noun: the result says whether it
// was done. One that is not known stays as it is.
func ActionWords(action string) string {
	switch action {
	case people.ActionSignIn:
		return "Sign-in"
	case people.ActionSignOut:
		return "Sign-out"
	case people.ActionLockout:
		return "Lockout"
	case people.ActionDenied:
		return "Attempt without the right"
	case people.ActionPassword:
		return "Change of password"
	case people.ActionAccountAdd:
		return "New person"
	case people.ActionAccountRole:
		return "Change of role"
	case people.ActionAccountRemove:
		return "Removal of a person"
	case people.ActionSessionEnd:
		return "End of a session"
	case people.ActionKeyMake:
		return "New API key"
	case people.ActionKeyRevoke:
		return "End of an API key"
	case people.ActionRegister:
		return "Registration"
	case people.ActionRemove:
		return "Removal"
	case people.ActionRotate:
		return "Rotation of a token"
	case people.ActionSuspend:
		return "Suspension"
	case people.ActionResume:
		return "Resumption"
	case people.ActionProduct:
		return "Change of a device’s details"
	case people.ActionType:
		return "Change of a product type"
	case people.ActionConfiguration:
		return "Configuration"
	case people.ActionEnrolKeyMake:
		return "New enrolment key"
	case people.ActionEnrolKeyEnd:
		return "End of an enrolment key"
	case people.ActionWindowOpen:
		return "Opening of enrolment"
	case people.ActionWindowClose:
		return "Closing of enrolment"
	case people.ActionApprove:
		return "Approval"
	case people.ActionDismiss:
		return "Dismissal"
	case people.ActionBucketMake:
		return "New bucket"
	case people.ActionRetention:
		return "Change of retention"
	case people.ActionBackfill:
		return "Missing data"
	case people.ActionExport:
		return "Export"
	case people.ActionLabel:
		return "Change of a label"
	case people.ActionLost:
		return "Events not kept"
	default:
		return Visible(action)
	}
}

// resultWord is a result of the audit log for people.
func resultWord(result string) string {
	switch result {
	case "ok":
		return "OK"
	case "refused":
		return "Refused"
	case "failed":
		return "Failed"
	default:
		return Visible(result)
	}
}

// resultIcon is a result's icon.
func resultIcon(result string) string {
	switch result {
	case "ok":
		return "check"
	case "refused":
		return "circle-minus"
	default:
		return "circle-x"
	}
}

// resultClass is the class of a result's colours.
func resultClass(result string) string {
	switch result {
	case "ok":
		return "never"
	case "refused":
		return "late"
	default:
		return "offline"
	}
}
